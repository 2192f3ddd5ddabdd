import { spawn } from "node:child_process"
import { Socket } from "node:net"
import { decodeCanonical, ok, refuse, type CborValue, type Refusal, type RefusalData, type Result } from "@keygrove/base"
import { FrameDecoder, MAX_FRAME_BYTES, withoutCoreDumps } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { programPath } from "../program-path.ts"

/** Where existing words come from: descriptors, which this process never reads, or the person's terminal. */
export interface WordsSources {
  /** Of words, or of a code; the terminal when `undefined`. */
  readonly wordsSource: number | undefined
  /** Of SLIP-39 shares instead; the terminal when there are none in the list. */
  readonly shareSources?: readonly number[]
  /** Of the passphrase that belongs to the words, if they have one. */
  readonly wordsPassphraseSource?: number | "terminal"
}

/** Descriptors that the ceremony inherits; this process never reads them. */
export interface CeremonySources extends WordsSources {
  readonly passphraseSource: number | undefined
}

/** What the keystore program is told of where existing words come from (keystore/words-options.ts). */
export function recoverArguments({ shareSources, wordsSource }: WordsSources): readonly string[] {
  if (shareSources !== undefined) return ["--recover", "shares", "--share-files", String(shareSources.length)]
  return ["--recover", wordsSource === undefined ? "terminal" : "descriptor"]
}

/** What it is told of the passphrase that belongs to the words. */
export function wordsPassphraseArguments({ wordsPassphraseSource }: WordsSources): readonly string[] {
  if (wordsPassphraseSource === undefined) return []
  return ["--words-passphrase", wordsPassphraseSource === "terminal" ? "terminal" : "descriptor"]
}

/** Runs the keystore program in one of its ceremonies; it talks to the person itself, this process only sees what is public: the fields of its answer. */
export async function runCeremony(
  args: readonly string[],
  { passphraseSource, shareSources = [], wordsPassphraseSource, wordsSource }: CeremonySources,
  { signal }: CallOptions,
): Promise<Result<ReadonlyMap<string, CborValue>>> {
  const program = withoutCoreDumps({ command: process.execPath, args: [programPath("keystore"), ...args] })
  const child = spawn(program.command, program.args, {
    stdio: [
      "ignore",
      "ignore",
      "inherit",
      passphraseSource ?? "ignore",
      "pipe",
      wordsSource ?? "ignore",
      typeof wordsPassphraseSource === "number" ? wordsPassphraseSource : "ignore",
      ...shareSources,
    ],
  })
  const stop = (): void => void child.kill("SIGTERM")
  signal.addEventListener("abort", stop, { once: true })
  try {
    const frames: Uint8Array[] = []
    const socket = child.stdio[4]
    const ended = new Promise<void>((done, fail) => child.once("exit", () => done()).once("error", fail))
    if (socket instanceof Socket) {
      const decoder = new FrameDecoder()
      for await (const chunk of socket) if (chunk instanceof Uint8Array) frames.push(...decoder.push(chunk))
    }
    await ended
    signal.throwIfAborted()
    return decodeOutcome(frames[0])
  } finally {
    signal.removeEventListener("abort", stop)
  }
}

/** A ceremony that ended in a way that it should not. */
export function withoutResult(): Refusal<"KEYSTORE_START_FAILED"> {
  return refuse("KEYSTORE_START_FAILED", "the ceremony ended without a result; nothing was made, run it again")
}

/** What a keystore program answered: its fields, or its refusal. */
export function decodeOutcome(frame: Uint8Array | undefined): Result<ReadonlyMap<string, CborValue>> {
  const decoded = frame === undefined ? withoutResult() : decodeCanonical(frame, MAX_FRAME_BYTES)
  if (!decoded.ok) return withoutResult()
  const answer = fieldsOf(decoded.value)
  const failure = fieldsOf(answer.get("failure") ?? null)
  const [code, message] = [failure.get("code"), failure.get("message")]
  if (typeof code === "string" && typeof message === "string")
    return refuse(code, message, publicData(fieldsOf(failure.get("data") ?? null)))
  return ok(fieldsOf(answer.get("value") ?? null))
}

function publicData(fields: ReadonlyMap<string, CborValue>): RefusalData {
  const data: Record<string, string | number | boolean> = {}
  for (const [name, value] of fields)
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") data[name] = value
  return data
}

function fieldsOf(value: CborValue): ReadonlyMap<string, CborValue> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map<string, CborValue>()
}
