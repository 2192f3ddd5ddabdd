import { spawn } from "node:child_process"
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs"
import { Socket } from "node:net"
import { dirname, join, resolve } from "node:path"
import { decodeCanonical, KeygroveError, ok, refuse, type CborValue, type Result } from "@keygrove/base"
import { decodeNodeName, encodeIdentity } from "@keygrove/hierarchy"
import { decodeIdentityValue, FrameDecoder, MAX_FRAME_BYTES, withoutCoreDumps } from "@keygrove/keystore"
import type { CallOptions, NodeIdentity } from "@keygrove/service"
import { programPath } from "../program-path.ts"
import { encodeConfig, type NodeConfig } from "./config.ts"
import { fileFailure } from "./file-failure.ts"
import { checkSocketPath, homeOf, type Home } from "./home.ts"

/** What `keygrove init` asks for. Descriptors are passed on unread. */
export interface InitialiseOptions {
  readonly home: string
  readonly name: string
  readonly ledger: string
  readonly listen: string
  readonly rpcPort: number
  readonly recover: boolean
  readonly wordsOut?: string
  readonly wordsSource?: number
  readonly passphraseSource?: number
  readonly keyFile?: string
  /** First hex digits of the cluster that the words must belong to. */
  readonly cluster?: string
}

export interface InitialisedNode {
  readonly cluster: string
  readonly path: string
  /** `kg1…` */
  readonly id: string
}

/**
 * Makes the home of a new node: all of it beside its final place, which it takes by one rename. A crash before leaves only a `.keygrove-init-…` directory;
 * nothing that exists is ever changed.
 */
export async function initialiseNode(options: InitialiseOptions, { signal }: CallOptions): Promise<Result<InitialisedNode>> {
  signal.throwIfAborted()
  const target = homeOf(options.home)
  const free = checkFree(target, options)
  if (!free.ok) return free
  const making = homeOf(join(dirname(target.directory), `.keygrove-init-${process.pid}-${Date.now().toString(36)}`))
  try {
    mkdirSync(making.directory, { recursive: true, mode: 0o700 })
    const made = await runCeremony(making, options, signal)
    if (!made.ok) return made
    writeDurably(making.genesis, made.value.genesis)
    writeDurably(making.config, Buffer.from(encodeConfig(configOf(options))))
    takePlace(making, target)
    const { cluster, keys, path } = made.value.identity
    return ok({ cluster, path, id: encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster }) })
  } catch (cause) {
    if (signal.aborted || !(cause instanceof Error) || !("syscall" in cause)) throw cause
    const refusal = fileFailure(cause, target.directory)
    if (refusal !== undefined) return refusal
    const code = "code" in cause ? String(cause.code) : "unknown reason"
    throw new KeygroveError("HOME_UNWRITABLE", `${target.directory} cannot be made (${code}); check its parent directory`, { cause })
  } finally {
    rmSync(making.directory, { recursive: true, force: true })
  }
}

function checkFree(target: Home, { name }: InitialiseOptions): Result<true> {
  const valid = decodeNodeName(name)
  if (!valid.ok) return valid
  const socket = checkSocketPath(target)
  if (!socket.ok) return socket
  if (existsSync(target.directory) && readdirSync(target.directory).length > 0) {
    return refuse("HOME_EXISTS", `${target.directory} is not empty; choose another directory with --home, nothing was changed`)
  }
  return ok(true)
}

function configOf({ keyFile, ledger, listen, rpcPort }: InitialiseOptions): NodeConfig {
  return { version: 1, ledger, listen, rpcPort, ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }) }
}

/** An empty directory in the way is replaced; a rename onto anything else fails. */
function takePlace(making: Home, target: Home): void {
  renameSync(making.directory, target.directory)
  const parent = openSync(dirname(target.directory), "r")
  fsyncSync(parent)
  closeSync(parent)
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "wx", 0o600)
  writeSync(descriptor, bytes)
  fsyncSync(descriptor)
  closeSync(descriptor)
}

interface Ceremony {
  readonly identity: NodeIdentity
  readonly genesis: Uint8Array
}

/** Runs the keystore program's ceremony; it talks to the person itself, this process only sees what is public. */
async function runCeremony(making: Home, options: InitialiseOptions, signal: AbortSignal): Promise<Result<Ceremony>> {
  const { cluster, keyFile, name, passphraseSource, recover, wordsOut, wordsSource } = options
  const args = [programPath("keystore"), "ceremony", "--store", making.keystore, "--name", name]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  if (wordsOut !== undefined) args.push("--words-out", resolve(wordsOut))
  if (cluster !== undefined) args.push("--cluster", cluster)
  if (recover) args.push("--recover", wordsSource === undefined ? "terminal" : "descriptor")
  const program = withoutCoreDumps({ command: process.execPath, args })
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

function decodeOutcome(frame: Uint8Array | undefined): Result<Ceremony> {
  const failed = refuse("KEYSTORE_START_FAILED", "the ceremony ended without a result; nothing was made, run it again")
  const decoded = frame === undefined ? failed : decodeCanonical(frame, MAX_FRAME_BYTES)
  if (!decoded.ok) return failed
  const fields = fieldsOf(decoded.value)
  const failure = fieldsOf(fields.get("failure") ?? null)
  const [code, message] = [failure.get("code"), failure.get("message")]
  if (typeof code === "string" && typeof message === "string") return refuse(code, message)
  const value = fieldsOf(fields.get("value") ?? null)
  const identity = decodeIdentityValue(value.get("identity") ?? null)
  const genesis = value.get("genesis")
  return identity.ok && genesis instanceof Uint8Array ? ok({ identity: identity.value, genesis }) : failed
}

function fieldsOf(value: CborValue): ReadonlyMap<string, CborValue> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : new Map<string, CborValue>()
}
