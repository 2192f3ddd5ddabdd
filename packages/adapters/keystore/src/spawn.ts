import { spawn, type ChildProcess } from "node:child_process"
import { Socket } from "node:net"
import { ok, refuse, type Result } from "@keygrove/base"
import type { CallOptions } from "@keygrove/service"
import { withoutCoreDumps } from "./core-dumps.ts"
import { KeystoreClient } from "./ipc/client.ts"
import { LockedClient } from "./ipc/locked-client.ts"

/** How to start the keystore process. */
export interface KeystoreProgram {
  /** Executable and its arguments; nothing secret is among them. */
  readonly command: string
  readonly args: readonly string[]
  /** Descriptor of this process that the child inherits as 3: a file or terminal with the passphrase. Never read here. */
  readonly passphraseSource?: number
  /**
   * Whether the C library overwrites what is freed, for keystores with operators: what a function copied is the engine's, which wipes nothing. Only glibc
   * knows how.
   */
  readonly wipesFreed?: boolean
  /** Descriptor for the child's own messages; this process's standard error by default. */
  readonly log?: number
}

/** A running keystore process and the port to it. Disposal ends the process, which wipes its secrets. */
export interface KeystoreProcess extends AsyncDisposable {
  readonly keystore: KeystoreClient
  readonly pid: number
}

/** How long a keystore may take to end by itself before it is killed. */
const END_TIMEOUT_MS = 3_000

/** mallopt(3), M_PERTURB: freed memory is set to this byte. */
const WIPING_BYTE = "90"

/** Starts the keystore process and waits until it is unlocked, or says why it cannot be. May take long when a person types the passphrase. */
export async function spawnKeystore(program: KeystoreProgram, options: CallOptions): Promise<Result<KeystoreProcess>> {
  return await spawnGreeted(program, options, async (socket) => await KeystoreClient.greet(socket))
}

/** A keystore process that was started locked, and the port to it, also to what it becomes. Disposal ends the process, be it unlocked or not. */
export interface LockedKeystoreProcess extends AsyncDisposable {
  readonly keystore: LockedClient
  readonly pid: number
}

/** Starts the keystore process in locked mode and waits for its greeting, or why no pieces can open it. */
export async function spawnLockedKeystore(program: KeystoreProgram, options: CallOptions): Promise<Result<LockedKeystoreProcess>> {
  return await spawnGreeted(program, options, async (socket) => await LockedClient.greet(socket))
}

interface Greeted<Port extends AsyncDisposable> extends AsyncDisposable {
  readonly keystore: Port
  readonly pid: number
}

async function spawnGreeted<Port extends AsyncDisposable>(
  program: KeystoreProgram,
  { signal }: CallOptions,
  greet: (socket: Socket) => Promise<Result<Port>>,
): Promise<Result<Greeted<Port>>> {
  signal.throwIfAborted()
  const { log = 2, passphraseSource, wipesFreed = false } = program
  const { command, args } = withoutCoreDumps(program)
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", log, passphraseSource ?? "ignore", "pipe"],
    ...(wipesFreed ? { env: { ...process.env, MALLOC_PERTURB_: WIPING_BYTE } } : {}),
  })
  const ended = endOf(child)
  const socket = child.stdio[4]
  if (!(socket instanceof Socket) || child.pid === undefined) {
    const cause = await ended
    return refuse("KEYSTORE_START_FAILED", `the keystore process could not be started (${cause}); see the node's log`)
  }
  const stop = (): void => void child.kill("SIGTERM")
  signal.addEventListener("abort", stop, { once: true })
  const greeted = await greet(socket).finally(() => signal.removeEventListener("abort", stop))
  if (!greeted.ok) {
    child.kill("SIGTERM")
    await killedUnless(ended, child)
    // Ended by us, not by itself.
    signal.throwIfAborted()
    return greeted
  }
  const { pid } = child
  const keystore = greeted.value
  return ok({ keystore, pid, [Symbol.asyncDispose]: async () => await end(child, { keystore, socket }, ended) })
}

async function end(
  child: ChildProcess,
  { keystore, socket }: { readonly keystore: AsyncDisposable; readonly socket: Socket },
  ended: Promise<string>,
): Promise<void> {
  await keystore[Symbol.asyncDispose]()
  // A keystore that was unlocked by pieces is not the port's to end, but its process is ours.
  socket.destroy()
  await killedUnless(ended, child)
}

/** Waits until a child has ended; one that does not in time, e.g. because it waits for a pipe that nobody writes to, is killed. */
async function killedUnless(ended: Promise<string>, child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}

/** How the child ended, for a message. */
async function endOf(child: ChildProcess): Promise<string> {
  return await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signalName) => resolve(signalName === null ? `status ${code ?? 0}` : signalName))
  })
}
