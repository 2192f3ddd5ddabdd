import { spawn } from "node:child_process"
import { expect } from "vitest"
import { entry } from "./bundle.ts"

/** Longest a command may take. */
const COMMAND_TIMEOUT_MS = 120_000

export interface CommandOptions {
  /** What comes on standard input. */
  readonly input?: string
}

export interface CommandEnd {
  readonly exitStatus: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `keygrove` as a person's shell would, without a terminal. */
export async function runCommand(args: readonly string[], { input }: CommandOptions = {}): Promise<CommandEnd> {
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    timeout: COMMAND_TIMEOUT_MS,
    // A session of its own has no controlling terminal, so nothing can wait for a person.
    detached: true,
  })
  const output = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (output.stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (output.stderr += text))
  // A command that ends without reading what it is given is no fault of the test.
  child.stdin.on("error", () => undefined).end(input ?? "")
  const exitStatus = await new Promise<number>((resolve, reject) =>
    child.once("error", reject).once("close", (code) => resolve(code ?? -1)),
  )
  return { exitStatus, ...output }
}

export interface ExpectedRefusal {
  readonly code: string
  readonly exitStatus: number
  /** What the one line must say, so that the person knows what to do. */
  readonly says: RegExp | string
}

/**
 * A command is refused: one line `CODE: message` on standard error and nothing on standard output; with `--json` the same code and message in one object.
 * Runs it both ways at once, unless they could get in each other's way.
 */
export async function expectRefused(
  args: readonly string[],
  { code, exitStatus, says }: ExpectedRefusal,
  options: CommandOptions & { readonly oneAfterTheOther?: boolean } = {},
): Promise<void> {
  const first = runCommand(args, options)
  if (options.oneAfterTheOther === true) await first
  const [plain, json] = await Promise.all([first, runCommand([...args, "--json"], options)])
  expect(plain).toEqual({ exitStatus, stdout: "", stderr: expect.stringMatching(new RegExp(`^${code}: [^\\n]+\\n$`)) })
  expect(plain.stderr).toMatch(says)
  expect(json).toEqual({ exitStatus, stdout: "", stderr: expect.stringMatching(/^\{[^\n]+\}\n$/) })
  expect(JSON.parse(json.stderr)).toEqual({ version: 1, code, message: expect.stringMatching(says), data: expect.any(Object) })
}

/** A command succeeds; its object with `--json`. */
export async function expectDone(args: readonly string[], options: CommandOptions = {}): Promise<Readonly<Record<string, unknown>>> {
  const end = await runCommand([...args, "--json"], options)
  expect(end, end.stderr).toMatchObject({ exitStatus: 0 })
  const answer: unknown = JSON.parse(end.stdout === "" ? end.stderr : end.stdout)
  return typeof answer === "object" && answer !== null ? { ...answer } : {}
}
