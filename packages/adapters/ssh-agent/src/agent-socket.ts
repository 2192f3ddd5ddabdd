import { lstatSync, mkdirSync, rmSync, statSync, type Stats } from "node:fs"
import { connect } from "node:net"
import { dirname } from "node:path"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { SshAgentErrorCode } from "./errors.ts"

/** Longest path of a Unix socket that every system takes, in bytes (macOS: 104 with its end). */
const MAX_SOCKET_PATH_BYTES = 103
/** How long whoever listens on an existing socket may take to accept. */
const PROBE_MS = 2_000

/**
 * Makes a path ready to listen on: its directory exists, is this user's and nobody else's (made with mode 0700 when missing), and a socket that a
 * dead agent left is removed. One that is listened on, and anything that is no socket, stays as it is and is refused.
 */
export async function prepareSocket(path: string, signal: AbortSignal): Promise<Result<true, SshAgentErrorCode>> {
  const length = Buffer.byteLength(path)
  if (length === 0 || length > MAX_SOCKET_PATH_BYTES || path.includes("\0"))
    return unusable(path, `has ${length} bytes; sockets have paths of 1 to ${MAX_SOCKET_PATH_BYTES} bytes`)
  try {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const refused = judgeFolder(path, folder)
    if (refused !== undefined) return refused
    return await removeStale(path, signal)
  } catch (error) {
    signal.throwIfAborted()
    return unusable(path, `cannot be used (${codeOf(error)}); check its directory`)
  }
}

/** Whoever may enter the directory could put a socket of his own there, and be asked for signatures and sent data instead. */
function judgeFolder(path: string, folder: string): Refusal<SshAgentErrorCode> | undefined {
  const { mode, uid } = statSync(folder)
  const user = process.getuid?.()
  if (user !== undefined && uid !== user) return unusable(path, `is in a directory of user ${uid}; it must be one of user ${user}`)
  if ((mode & 0o077) !== 0)
    return unusable(path, `is in a directory of mode ${(mode & 0o777).toString(8)}; only its owner may enter it (chmod 700)`)
  return undefined
}

async function removeStale(path: string, signal: AbortSignal): Promise<Result<true, SshAgentErrorCode>> {
  const found = entryAt(path)
  if (found === undefined) return ok(true)
  if (!found.isSocket()) return unusable(path, "exists and is no socket; give another path")
  if (await isListenedOn(path, signal)) return refuse("SSH_AGENT_SOCKET_IN_USE", `an agent listens on ${path}; stop it or use it`)
  // Only what was found dead: another agent may have been faster.
  const still = entryAt(path)
  if (still?.ino === found.ino && still.dev === found.dev) rmSync(path)
  return ok(true)
}

function entryAt(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** Whether somebody accepts connections there. Only a refused connection says that nobody does. */
async function isListenedOn(path: string, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  const { promise, reject, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  const abort = (): void => reject(signal.reason)
  signal.addEventListener("abort", abort, { once: true })
  socket.setTimeout(PROBE_MS, () => resolve(true))
  socket.once("connect", () => resolve(true))
  socket.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"))
  return await promise.finally(() => {
    signal.removeEventListener("abort", abort)
    socket.destroy()
  })
}

/** Refuses a path, in words that follow it. */
export function unusable(path: string, reason: string): Refusal<SshAgentErrorCode> {
  return refuse("SSH_AGENT_SOCKET_UNUSABLE", `the socket ${path.replaceAll("\0", "")} ${reason}`)
}

/** The code of a system error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
}
