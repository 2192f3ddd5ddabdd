import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { onHost, type NetworkHost } from "./network.ts"

/** How long after its end a program is started again. */
const RESTART_MS = 500
/** Lines of its log that are told of a program that ended by itself. */
const LAST_LINES = 1
const MAX_TOLD_CHARACTERS = 300

export interface HostProgram {
  readonly host: NetworkHost
  readonly command: readonly string[]
  /** Where its output goes; on none of the disks that are filled. */
  readonly log: string
  readonly environment?: Readonly<Record<string, string>>
  /** Told of an end that nobody here caused. */
  readonly onEnd: (line: string) => void
}

/** A program on one machine that is started again whenever it ends, as a service manager does. */
export class HostProcess implements AsyncDisposable {
  #program: HostProgram
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  /** Faults that want it not to run. */
  #holds = 0
  #isOver = false
  #told = ""

  constructor(program: HostProgram) {
    this.#program = program
    this.#start()
  }

  get host(): NetworkHost {
    return this.#program.host
  }

  /** What it is started as from the next start on. */
  get command(): readonly string[] {
    return this.#program.command
  }

  set command(command: readonly string[]) {
    this.#program = { ...this.#program, command }
  }

  /** The last lines that it logged. */
  lastWords(lines: number = LAST_LINES): string {
    return readFileSync(this.#program.log, "utf8").trim().split("\n").slice(-lines).map(wordsOf).join(" | ")
  }

  /** Kills it as a crash would, and keeps it from starting until disposal. */
  async kill(): Promise<Disposable> {
    this.#holds++
    clearTimeout(this.#timer)
    this.#child?.kill("SIGKILL")
    await this.#ended
    return {
      [Symbol.dispose]: () => {
        this.#holds--
        this.#start()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.kill()
  }

  /** What ends again and again for one reason is told once. */
  #tell(line: string, onEnd: (line: string) => void): void {
    const told = line.replaceAll(/\d+/g, "")
    if (told !== this.#told) onEnd(line.slice(0, MAX_TOLD_CHARACTERS))
    this.#told = told
  }

  #start(): void {
    if (this.#holds > 0 || this.#isOver || this.#child !== undefined) return
    const { command, environment, host, log, onEnd } = this.#program
    const [program, ...args] = [...onHost(host), ...command]
    const output = openSync(log, "a", 0o600)
    const child = spawn(program, args, { stdio: ["ignore", output, output], env: { ...process.env, ...environment } })
    closeSync(output)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#child = undefined
        resolve()
        if (this.#holds > 0 || this.#isOver) return
        this.#tell(`${host.name} ended by itself (${signal ?? `exit status ${code ?? "unknown"}`}): ${this.lastWords()}`, onEnd)
        this.#timer = setTimeout(() => this.#start(), RESTART_MS)
      })
    })
  }
}

/** What a line of a log says; those of etcd are JSON. */
function wordsOf(line: string): string {
  try {
    const { error = "", msg = "" }: { readonly msg?: string; readonly error?: string } = JSON.parse(line)
    return `${msg}: ${error}`
  } catch {
    return line
  }
}
