import { resolve } from "node:path"
import { ok, type Result } from "@keygrove/base"
import { decodeNodeName, encodeIdentity } from "@keygrove/hierarchy"
import { decodeIdentityValue } from "@keygrove/keystore"
import type { CallOptions, NodeIdentity } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments } from "./ceremony-process.ts"
import { encodeConfig, type NodeConfig } from "./config.ts"
import { checkLedgerSetting, withPaths, type EtcdSetting } from "./etcd-setting.ts"
import { homeOf, type Home } from "./home.ts"
import { generatedKeyFile } from "./unlock-means.ts"
import { makeHome, writeDurably } from "./make-home.ts"

/** What `keygrove init` asks for. Descriptors are passed on unread. */
export interface InitialiseOptions {
  readonly home: string
  readonly name: string
  readonly ledger: string
  /** How a ledger in etcd is reached. Paths are relative to the working directory. */
  readonly etcd?: EtcdSetting
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
  /** Whether a key file is made in the home itself; {@link keyFile} and {@link passphraseSource} are not given then. */
  readonly generated?: boolean
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

/** Makes the home of a new node, whole or not at all. */
export async function initialiseNode(options: InitialiseOptions, call: CallOptions): Promise<Result<InitialisedNode>> {
  const valid = decodeNodeName(options.name)
  if (!valid.ok) return valid
  // Before any words are made.
  const ledger = await checkLedgerSetting(options.ledger, options.etcd)
  if (!ledger.ok) return ledger
  const fill = async (making: Home): Promise<Result<InitialisedNode>> => {
    const made = await makeNode(making, options, call.signal)
    if (!made.ok) return made
    writeDurably(making.genesis, made.value.genesis)
    writeDurably(making.config, Buffer.from(encodeConfig(configOf(options))))
    const { cluster, keys, path } = made.value.identity
    return ok({ cluster, path, id: encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster }) })
  }
  return await makeHome(homeOf(options.home), fill, call)
}

function configOf({ etcd, generated, home, keyFile, ledger, listen, rpcPort }: InitialiseOptions): NodeConfig {
  const path = generated === true ? generatedKeyFile(homeOf(home).directory) : keyFile
  const files = {
    ...(etcd === undefined ? {} : { etcd: withPaths(etcd, (path) => resolve(path)) }),
    ...(path === undefined ? {} : { keyFile: resolve(path) }),
  }
  return { version: 1, ledger, listen, rpcPort, ...files }
}

interface Ceremony {
  readonly identity: NodeIdentity
  readonly genesis: Uint8Array
}

/** Runs the ceremony that makes the node: a new one of the root's words, or the child of an invitation. */
async function makeNode(making: Home, options: InitialiseOptions, signal: AbortSignal): Promise<Result<Ceremony>> {
  const { cluster, generated, invitation, name, recover, wordsOut } = options
  const keyFile = generated === true ? generatedKeyFile(making.directory) : options.keyFile
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
