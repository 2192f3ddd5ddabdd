import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

/** Receives as systemd does: a datagram socket that asks the kernel who sends (unix(7), SO_PASSCRED). Prints one line of JSON a datagram. */
const RECEIVER = `
import array, json, socket, struct, sys
address = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
receiver.bind("\\0" + address[1:] if address.startswith("@") else address)
print(json.dumps({"pid": 0, "lines": []}), flush=True)
while True:
    data, ancillary, flags, sender = receiver.recvmsg(4096, 256)
    pid = next((struct.unpack("iII", bytes)[0] for level, kind, bytes in ancillary if kind == socket.SCM_CREDENTIALS), 0)
    print(json.dumps({"pid": pid, "lines": data.decode().split("\\n")}), flush=True)
`

/** One notification and the process that sent it, by the kernel's word. */
export interface Notification {
  readonly pid: number
  readonly lines: readonly string[]
}

/** A service manager's socket. */
export interface NotificationReceiver extends AsyncDisposable {
  readonly received: readonly Notification[]
  /** Waits for the next notification that has a line; those before it are in `received` too. */
  next(line: string): Promise<Notification>
}

/** Whether this machine can receive as a service manager does. */
export const canReceiveNotifications: boolean = process.platform === "linux" && spawnSync("python3", ["--version"]).status === 0

/** Begins to receive on a path or an abstract name (`@name`). */
export async function receiveNotifications(address: string): Promise<NotificationReceiver> {
  const child = spawn("python3", ["-c", RECEIVER, address], { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "close")
  const received: Notification[] = []
  const lines = createInterface({ input: child.stdout })
  await once(lines, "line")
  lines.on("line", (line) => received.push(parse(line)))
  return {
    received,
    next: async (line) => {
      for (;;) {
        const found = received.find((each) => each.lines.includes(line))
        if (found !== undefined) return found
        const [which] = await Promise.race([once(lines, "line"), ended.then(() => [undefined])])
        if (which === undefined) throw new Error(`the receiver ended before ${line}`)
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await ended
    },
  }
}

function parse(line: string): Notification {
  const value: unknown = JSON.parse(line)
  if (typeof value !== "object" || value === null || !("pid" in value) || !("lines" in value) || !Array.isArray(value.lines))
    throw new TypeError(`not a notification: ${line}`)
  return { pid: Number(value.pid), lines: value.lines.map(String) }
}
