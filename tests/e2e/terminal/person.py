"""Runs a command on a pseudo-terminal and lets a test be the person in front of it.

usage: person.py COMMAND ARG...
Reads one JSON object a line: {"send": text} types, {"signal": number} goes to the command, {"stty": true} asks for the terminal's settings.
Writes one JSON object a line: {"output": text}, {"stty": text}, {"exit": status}; a command killed by a signal has the negative number of it.
"""

import json
import os
import select
import subprocess
import sys


def tell(**fields):
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def become(argv, slave):
    os.setsid()
    # The first terminal that a session leader opens becomes its controlling one.
    os.close(os.open(os.ttyname(slave), os.O_RDWR))
    for descriptor in (0, 1, 2):
        os.dup2(slave, descriptor)
    os.closerange(3, 256)
    os.execvp(argv[0], argv)


def settings(slave):
    return subprocess.run(["stty", "-a"], stdin=slave, capture_output=True, text=True, check=True).stdout


def relay(master):
    try:
        data = os.read(master, 65536)
    except OSError:
        return
    tell(output=data.decode("utf-8", "replace"))


def obey(line, child, master, slave):
    order = json.loads(line)
    if "send" in order:
        os.write(master, order["send"].encode())
    if "signal" in order:
        os.kill(child, order["signal"])
    if "stty" in order:
        # Whatever was written before is told before.
        while select.select([master], [], [], 0)[0]:
            relay(master)
        tell(stty=settings(slave))


def main():
    master, slave = os.openpty()
    child = os.fork()
    if child == 0:
        become(sys.argv[1:], slave)
    # Readable once the child has ended, so that nothing is polled.
    ended = os.pidfd_open(child)
    pending = b""
    while True:
        ready = select.select([master, ended, 0], [], [])[0]
        if master in ready:
            relay(master)
        elif ended in ready:
            tell(stty=settings(slave))
            tell(exit=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return
        if 0 in ready:
            data = os.read(0, 65536)
            if data == b"":
                os.kill(child, 9)
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                obey(line, child, master, slave)


if __name__ == "__main__":
    main()
