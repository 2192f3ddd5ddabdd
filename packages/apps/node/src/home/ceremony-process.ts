import { spawn } from "node:child_process"
import { Socket } from "node:net"
import { decodeCanonical, ok, refuse, type CborValue, type Refusal, type Result } from "@keygrove/base"
import { FrameDecoder, MAX_FRAME_BYTES, withoutCoreDumps } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { programPath } from "../program-path.ts"

/** Descriptors that the ceremony inherits; this process never reads them. */
export interface CeremonySources {
  readonly passphraseSource: number | undefined
  /** Of words, or of a code. */
  readonly wordsSource: number | undefined
}

/** Runs the keystore program in one of its ceremonies; it talks to the person itself, this process only sees what is public: the fields of its answer. */
export async function runCeremony(
  args: readonly string[],
  { passphraseSource, wordsSource }: CeremonySources,
  { signal }: CallOptions,
): Promise<Result<ReadonlyMap<string, CborValue>>> {
  const program = withoutCoreDumps({ command: process.execPath, args: [programPath("keystore"), ...args] })
  const child = spawn(program.command, program.args, {
    stdio: ["ignore", "ignore", "inherit", passphraseSource ?? "ignore", "pipe", wordsSource ?? "ignore"],
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

function decodeOutcome(frame: Uint8Array | undefined): Result<ReadonlyMap<string, CborValue>> {
  const decoded = frame === undefined ? withoutResult() : decodeCanonical(frame, MAX_FRAME_BYTES)
  if (!decoded.ok) return withoutResult()
  const answer = fieldsOf(decoded.value)
  const failure = fieldsOf(answer.get("failure") ?? null)
  const [code, message] = [failure.get("code"), failure.get("message")]
  if (typeof code === "string" && typeof message === "string") return refuse(code, message)
  return ok(fieldsOf(answer.get("value") ?? null))
}

function fieldsOf(value: CborValue): ReadonlyMap<string, CborValue> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map<string, CborValue>()
}
