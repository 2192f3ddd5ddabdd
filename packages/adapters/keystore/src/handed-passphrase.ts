import { connect, createServer, type Server, type Socket } from "node:net"
import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import type { CallOptions } from "@keygrove/service"
import { MAX_PASSPHRASE_BYTES } from "./inherited-source.ts"

/** How long a passphrase waits for the keystore that it is for. */
const OFFER_TIMEOUT_MS = 60_000

export interface OfferOptions extends CallOptions {
  /** Told when a keystore can come for it. */
  readonly onListening: () => void
}

/**
 * Gives a passphrase to the first process that connects to a Unix socket at `path`, once. The socket is the caller's alone (the process has umask 077), and gone afterwards,
 * also when nobody came. So a passphrase goes from one keystore program to another, past everything that starts them. The passphrase stays the caller's.
 */
export async function offerPassphrase(
  path: string,
  passphrase: Secret,
  { onListening, signal }: OfferOptions,
): Promise<Result<true, "PASSPHRASE_NOT_TAKEN" | "KEYSTORE_START_FAILED">> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(OFFER_TIMEOUT_MS)])
  const server = createServer()
  try {
    await listening(server, path)
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return refuse("KEYSTORE_START_FAILED", `the passphrase cannot be handed over at ${path} (${reason}); check the home directory`)
  }
  try {
    const taker = firstConnection(server, over)
    onListening()
    const socket = await taker
    if (socket !== undefined && (await handTo(socket, passphrase))) return ok(true)
    return refuse("PASSPHRASE_NOT_TAKEN", "the node did not come for the passphrase; see its log, and try again")
  } finally {
    server.close()
  }
}

/** Takes the passphrase that {@link offerPassphrase} gives at `path`, into locked memory. Belongs to the caller. */
export async function takePassphrase(
  path: string,
  { signal }: CallOptions,
): Promise<Result<Secret, "PASSPHRASE_MISSING" | "PASSPHRASE_TOO_LONG">> {
  using taken = Secret.fill(MAX_PASSPHRASE_BYTES, () => undefined)
  const length = await receive(path, taken, signal)
  if (length === undefined || length === 0) return missing()
  if (length > MAX_PASSPHRASE_BYTES)
    return refuse("PASSPHRASE_TOO_LONG", `the passphrase is longer than ${MAX_PASSPHRASE_BYTES} bytes; was the right file given?`)
  return taken.expose((bytes) => ok(Secret.fill(length, (target) => target.set(bytes.subarray(0, length)))))
}

function missing(): Refusal<"PASSPHRASE_MISSING"> {
  return refuse("PASSPHRASE_MISSING", "the passphrase was not handed over; run `keygrove unlock` again")
}

/** How many bytes came, more than `target` holds when there were too many; `undefined` when nobody gave them. */
async function receive(path: string, target: Secret, signal: AbortSignal): Promise<number | undefined> {
  // Memory of its own, which the system reads into: a stream's usual chunks would leave copies.
  const chunk = new Uint8Array(new ArrayBuffer(MAX_PASSPHRASE_BYTES + 1))
  let length = 0
  const onChunk = (count: number): boolean => {
    if (length + count <= target.length) target.expose((bytes) => bytes.set(chunk.subarray(0, count), length))
    chunk.fill(0)
    length += count
    if (length > target.length) stop()
    return true
  }
  const socket = connect({ path, onread: { buffer: chunk, callback: onChunk } })
  const stop = (): void => void socket.destroy()
  signal.addEventListener("abort", stop, { once: true })
  try {
    const ended = await new Promise<boolean>((resolve) =>
      socket
        .once("end", () => resolve(true))
        .once("error", () => resolve(false))
        .once("close", () => resolve(false)),
    )
    return ended || length > target.length ? length : undefined
  } finally {
    signal.removeEventListener("abort", stop)
    socket.destroy()
    chunk.fill(0)
  }
}

async function listening(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ path, backlog: 1 }, resolve))
}

async function firstConnection(server: Server, signal: AbortSignal): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>()
  const giveUp = (): void => resolve(undefined)
  signal.addEventListener("abort", giveUp, { once: true })
  if (signal.aborted) giveUp()
  let taken = false
  server.on("connection", (socket) => {
    // One, and nobody after it.
    if (taken) return void socket.destroy()
    taken = true
    resolve(socket)
  })
  return await promise.finally(() => signal.removeEventListener("abort", giveUp))
}

/** Whether all of it was written. */
async function handTo(socket: Socket, passphrase: Secret): Promise<boolean> {
  // What a socket writes has to outlive the call that reads the secret.
  const bytes = new Uint8Array(new ArrayBuffer(passphrase.length))
  passphrase.expose((read) => bytes.set(read))
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("error", () => resolve(false))
      socket.end(bytes, () => resolve(true))
    })
  } finally {
    bytes.fill(0)
    socket.destroy()
  }
}
