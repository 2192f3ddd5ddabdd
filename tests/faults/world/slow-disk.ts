import { spawn } from "node:child_process"

/** How long each write to the disk takes, in microseconds. */
const DELAY_US = 300_000

/** Holds up each fsync and fdatasync of the processes, by a tracer; every other call of theirs gets slower too. Ends with disposal. */
export function slowDisk(pids: readonly number[]): Disposable {
  const calls = "fsync,fdatasync"
  const tracers = pids.map((pid) => {
    const args = ["-f", "-q", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", `inject=${calls}:delay_enter=${DELAY_US}`, "-p", String(pid)]
    // One whose process has ended in the meantime ends by itself.
    return spawn("strace", args, { stdio: "ignore" }).on("error", () => undefined)
  })
  return { [Symbol.dispose]: () => tracers.forEach((tracer) => void tracer.kill("SIGTERM")) }
}
