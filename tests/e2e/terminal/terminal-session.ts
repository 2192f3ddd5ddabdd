import { spawn, spawnSync } from "node:child_process"
import { constants } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** How long a command may take to show what is waited for. */
const PATIENCE_MS = 90_000
const driver = join(import.meta.dirname, "person.py")

/** Why there is no pseudo-terminal to test on; `undefined` when there is one. Node itself cannot open one. */
export function missingTerminal(): string | undefined {
  const probe = spawnSync("python3", ["-c", "import os; os.pidfd_open(os.getpid())"])
  const stty = spawnSync("stty", ["--version"])
  if (probe.status !== 0) return "python3 with pidfd_open (Python 3.9 on Linux) is not there to open a pseudo-terminal"
  return stty.status === 0 ? undefined : "stty is not there to read a terminal's settings"
}

/** How a command on a terminal ended. */
export interface TerminalEnd {
  readonly exitStatus: number
  /** What `stty -a` said after the end. */
  readonly settings: string
  /** Everything that was on the screen. */
  readonly screen: string
}

/** A command that runs on a pseudo-terminal of its own, and the person in front of it. */
export interface TerminalSession extends AsyncDisposable {
  /** The process that keeps the terminal; the command is its child. */
  readonly pid: number
  /** Waits for text after what was matched before. */
  see(pattern: RegExp): Promise<RegExpExecArray>
  type(text: string): void
  signal(name: NodeJS.Signals): void
  /** What `stty -a` says now. */
  settings(): Promise<string>
  readonly ended: Promise<TerminalEnd>
}

/** Runs a command on a terminal. */
export function onTerminal(command: string, args: readonly string[]): TerminalSession {
  const child = spawn("python3", [driver, command, ...args], { stdio: ["pipe", "pipe", "inherit"] })
  const state = { screen: "", matched: 0, settings: "", exitStatus: Number.NaN, isOver: false }
  const told = new EventTarget()
  createInterface({ input: child.stdout }).on("line", (line) => {
    const said: { readonly output?: string; readonly stty?: string; readonly exit?: number } = JSON.parse(line)
    state.screen += said.output ?? ""
    state.settings = said.stty ?? state.settings
    state.exitStatus = said.exit ?? state.exitStatus
    told.dispatchEvent(new Event(said.stty === undefined ? "output" : "settings"))
  })
  const order = (what: object): void => void child.stdin.write(`${JSON.stringify(what)}\n`)
  const ended = new Promise<TerminalEnd>((resolve, reject) => {
    child.once("error", reject).once("close", () => {
      const { exitStatus, screen, settings } = state
      state.isOver = true
      told.dispatchEvent(new Event("output"))
      resolve({ exitStatus, screen, settings })
    })
  })
  // Whoever only looks at the screen is told there.
  ended.catch(() => undefined)
  const see = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const patience = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const found = pattern.exec(state.screen.slice(state.matched))
      if (found !== null) {
        state.matched += found.index + found[0].length
        return found
      }
      if (patience.aborted || state.isOver)
        throw new Error(`${pattern.source} never came on the screen, which shows:\n${state.screen.slice(state.matched)}`)
      await next(told, "output", patience)
    }
  }
  return {
    see,
    pid: child.pid ?? -1,
    ended,
    type: (send) => order({ send }),
    signal: (name) => order({ signal: constants.signals[name] }),
    settings: async () => {
      const answer = next(told, "settings", AbortSignal.timeout(PATIENCE_MS))
      order({ stty: true })
      await answer
      return state.settings
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await ended
    },
  }
}

/** The next event of a kind, or the end of patience. */
async function next(told: EventTarget, kind: string, patience: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  told.addEventListener(kind, resolve, { once: true })
  patience.addEventListener("abort", resolve, { once: true })
  await promise
}
