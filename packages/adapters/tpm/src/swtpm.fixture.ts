import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const READY_MS = 90_000
/** A test that is ended in the middle leaves none. */
const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const each of running) each.kill("SIGKILL")
})

/** A software TPM (swtpm) of its own, in a directory of its own. Disposal ends it and removes that. */
export class SoftwareTpm implements AsyncDisposable {
  readonly directory: string
  #process: ChildProcess

  private constructor(directory: string) {
    this.directory = directory
    this.#process = startIn(directory)
  }

  static async start(): Promise<SoftwareTpm> {
    const directory = mkdtempSync(join(tmpdir(), "keygrove-swtpm-"))
    mkdirSync(join(directory, "state"), { mode: 0o700 })
    const tpm = new SoftwareTpm(directory)
    await tpm.#untilReady()
    return tpm
  }

  get tcti(): string {
    return `swtpm:path=${join(this.directory, "sock")}`
  }

  /** Runs a tool on the TPM, as its owner would. */
  run(program: string, ...args: readonly string[]): string {
    const { error, status, stderr, stdout } = spawnSync(program, [`--tcti=${this.tcti}`, ...args], {
      cwd: this.directory,
      encoding: "utf8",
    })
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
    return stdout
  }

  /** Turns the machine off in order, and on again. */
  async reboot(): Promise<void> {
    this.run("tpm2_shutdown", "--clear")
    await this.stop()
    this.#process = startIn(this.directory)
    await this.#untilReady()
  }

  /** Ends the TPM as pulling it out does. */
  async stop(): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await ended
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Asks over the socket without sending anything: the emulator serves one at a time. */
  async #untilReady(): Promise<void> {
    const end = performance.now() + READY_MS
    while (!(await answers(join(this.directory, "sock")))) {
      if (performance.now() > end || this.#process.exitCode !== null)
        throw new Error(`swtpm did not start: ${readFileSync(join(this.directory, "log"), "utf8")}`)
      await sleep(20)
    }
  }
}

function startIn(directory: string): ChildProcess {
  for (const name of ["sock", "sock.ctrl"]) rmSync(join(directory, name), { force: true })
  const state = `dir=${join(directory, "state")},mode=0600`
  const [server, control] = ["sock", "sock.ctrl"].map((name) => `type=unixio,path=${join(directory, name)},mode=0600`)
  const args = ["socket", "--tpm2", "--tpmstate", state, "--server", server ?? "", "--ctrl", control ?? ""]
  const started = spawn("swtpm", [...args, "--flags", "not-need-init,startup-clear", "--log", `file=${join(directory, "log")}`], {
    stdio: "ignore",
  })
  running.add(started)
  started.once("exit", () => running.delete(started))
  return started
}

async function answers(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  return await new Promise((resolve) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}
