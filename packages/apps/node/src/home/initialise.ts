import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { KeygroveError, ok, refuse, type Result } from "@keygrove/base"
import { decodeNodeName, encodeIdentity } from "@keygrove/hierarchy"
import { decodeIdentityValue } from "@keygrove/keystore"
import type { CallOptions, NodeIdentity } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments } from "./ceremony-process.ts"
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
  /** Of SLIP-39 shares instead of the words. */
  readonly shareSources?: readonly number[]
  /** Of the passphrase that belongs to the words, new or existing. */
  readonly wordsPassphraseSource?: number | "terminal"
  readonly passphraseSource?: number
  readonly keyFile?: string
  /** First hex digits of the cluster that the words must belong to. */
  readonly cluster?: string
  /** `kginvite1…`: the node is the child that it speaks of, {@link wordsSource} has its code, and {@link name} is that of its path. */
  readonly invitation?: string
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
    const made = await makeNode(making, options, signal)
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

/** Runs the ceremony that makes the node: a new one of the root's words, or the child of an invitation. */
async function makeNode(making: Home, options: InitialiseOptions, signal: AbortSignal): Promise<Result<Ceremony>> {
  const { cluster, invitation, keyFile, name, recover, wordsOut } = options
  const sources = { ...options, passphraseSource: options.passphraseSource, wordsSource: options.wordsSource }
  const args =
    invitation === undefined
      ? ["ceremony", "--store", making.keystore, "--name", name]
      : ["join", "--store", making.keystore, "--invitation", invitation]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  if (wordsOut !== undefined) args.push("--words-out", resolve(wordsOut))
  if (cluster !== undefined) args.push("--cluster", cluster)
  if (recover || invitation !== undefined) args.push(...recoverArguments(sources))
  args.push(...wordsPassphraseArguments(sources))
  const outcome = await runCeremony(args, sources, { signal })
  if (!outcome.ok) return outcome
  const identity = decodeIdentityValue(outcome.value.get("identity") ?? null)
  const genesis = outcome.value.get("genesis")
  return identity.ok && genesis instanceof Uint8Array ? ok({ identity: identity.value, genesis }) : withoutResult()
}
