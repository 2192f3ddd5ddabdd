import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readdirSync, rmSync } from "node:fs"
import { Socket } from "node:net"
import { join } from "node:path"
import { ok, refuse, type Result } from "@keygrove/base"
import { FrameDecoder, withoutCoreDumps } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { programPath } from "../program-path.ts"
import { decodeOutcome } from "./ceremony-process.ts"

/** As long as `rpc.sock`, so that whatever path has room for that has room for this. */
const NAME_DIGITS = 6
const NAME: RegExp = new RegExp(`^u-[0-9a-f]{${NAME_DIGITS}}$`)

/** A passphrase that a keystore program has read and keeps for the keystore of a node. Disposal ends that program, which wipes it. */
export interface OfferedPassphrase extends AsyncDisposable {
  /** Name of the socket in the home directory at which it is given once. */
  readonly socket: string
}

/** Whether a name is one that {@link offerPassphrase} makes, and so a file of the home directory itself. */
export function isOfferSocket(name: string): boolean {
  return NAME.test(name)
}

/** Removes the sockets of programs that were killed, from a home on which no node runs. */
export function removeOffers(directory: string): void {
  for (const name of readdirSync(directory)) if (isOfferSocket(name)) rmSync(join(directory, name), { force: true })
}

/**
 * Starts the keystore program to read a passphrase from the descriptor, which this process never does, and waits until it can be come for. A person may have to type it.
 */
export async function offerPassphrase(
  directory: string,
  passphraseSource: number,
  { signal }: CallOptions,
): Promise<Result<OfferedPassphrase>> {
  const name = `u-${randomBytes(NAME_DIGITS / 2).toString("hex")}`
  const args = [programPath("keystore"), "hand-over", "--passphrase-socket", join(directory, name)]
  const program = withoutCoreDumps({ command: process.execPath, args })
  const child = spawn(program.command, program.args, { stdio: ["ignore", "ignore", "inherit", passphraseSource, "pipe"] })
  const ended = new Promise<void>((done) => child.once("exit", () => done()).once("error", () => done()))
  const socket = child.stdio[4]
  await using stack = new AsyncDisposableStack()
  stack.defer(async () => {
    // It ends when whoever started it is gone.
    if (socket instanceof Socket) socket.destroy()
    child.kill("SIGTERM")
    await ended
  })
  const stop = (): void => void child.kill("SIGTERM")
  signal.addEventListener("abort", stop, { once: true })
  stack.defer(() => signal.removeEventListener("abort", stop))
  const answer = decodeOutcome(socket instanceof Socket ? await firstFrame(socket) : undefined)
  signal.throwIfAborted()
  if (!answer.ok) return answer
  if (answer.value.get("state") !== "offered")
    return refuse("KEYSTORE_START_FAILED", "the program that reads the passphrase ended without it; run the command again")
  const owned = stack.move()
  return ok({ socket: name, [Symbol.asyncDispose]: async () => await owned.disposeAsync() })
}

async function firstFrame(socket: Socket): Promise<Uint8Array | undefined> {
  const decoder = new FrameDecoder()
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Uint8Array)) return undefined
    for (const frame of decoder.push(chunk)) return frame
  }
  return undefined
}
