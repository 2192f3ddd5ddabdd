import { copyFileSync, existsSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { ok, refuse, toHex, type Result } from "@keygrove/base"
import { encodeIdentity, isBelow, ROOT_PATH, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import { decodeIdentityValue, encodeGenesis } from "@keygrove/keystore"
import type { LedgerState, Lineage, NodeGeneration } from "@keygrove/ledger"
import type { CallOptions } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments, type CeremonySources } from "./ceremony-process.ts"
import { encodeConfig } from "./config.ts"
import { checkLedgerSetting, type EtcdSetting } from "./etcd-setting.ts"
import { homeOf, type Home } from "./home.ts"
import { copyLedger, readEntries, readHistory, type LedgerHistory } from "./ledger-history.ts"
import { makeHome, writeDurably } from "./make-home.ts"
import { recoveredConfig } from "./recovered-config.ts"

/** Whose secret a node is recovered from. */
export type RecoverySource =
  /** The root's, whose words the sources give. */
  | { readonly kind: "root" }
  /** That of the node in a home; its passphrase is where words would be. */
  | { readonly kind: "node"; readonly home: string; readonly path: NodePath; readonly keyFile?: string }

/** What `keygrove node recover` asks for. Descriptors are passed on unread; {@link CeremonySources.passphraseSource} is of the new home. */
export interface RecoverOptions extends CeremonySources {
  /** The new home. */
  readonly to: string
  readonly path: NodePath
  /** First hex digits of the cluster; needed when the ledger has that path in several. */
  readonly cluster?: string
  /** The newest when absent. */
  readonly generation?: number
  readonly source: RecoverySource
  /** A `ledger.db`. */
  readonly ledgerFile: string
  /** How the new home has its ledger: `embedded`, etcd://…, or the address of the host. A copy alone when absent, or when the node is none any more. */
  readonly ledger?: string
  /** How a ledger in etcd is reached. Paths are relative to the working directory. */
  readonly etcd?: EtcdSetting
  /** Follow {@link ledger} although the node is none any more. */
  readonly followsAnyway?: boolean
  readonly listen: string
  readonly rpcPort: number
  /** Unlocks the new home instead of a passphrase. */
  readonly keyFile?: string
  /** The lost machine's `keystore.db`, and its `audit.db`. */
  readonly keystore?: string
  readonly audit?: string
}

export interface RecoveredNode {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly generation: number
  readonly epoch: number
  /** `kg1…` */
  readonly id: string
  /** Whether it is a node of its cluster, by the ledger at hand. */
  readonly standing: "member" | "replaced" | "revoked"
  /** How the new home has its ledger. */
  readonly ledger: string
  /** Entries of the ledger at hand. */
  readonly entries: number
  /** Named keys that came from the lost keystore. */
  readonly keys: number
}

/**
 * Makes a home for a node whose machine is lost, from the secret of a node above it, or of the root, and a ledger. The ledger's history says through which generations its secret
 * derives. The lost keystore is only read. A node that is none any more gets a home that follows nobody.
 */
export async function recoverNode(options: RecoverOptions, call: CallOptions): Promise<Result<RecoveredNode>> {
  const possible = await checkLedgerSetting(options.ledger ?? "copy", options.etcd)
  if (!possible.ok) return possible
  return await makeHome(homeOf(options.to), async (making) => await fill(making, options, call), call)
}

async function fill(making: Home, options: RecoverOptions, call: CallOptions): Promise<Result<RecoveredNode>> {
  const copied = await copyLedger(options.ledgerFile, making.ledger)
  if (!copied.ok) return copied
  const history = await readHistory(making.ledger, call)
  if (!history.ok) return history
  const lineage = lineageFor(history.value, options)
  if (!lineage.ok) return lineage
  const lost = copyLost(making, options)
  if (!lost.ok) return lost
  const recovered = await holdCeremony(making, options, { lineage: lineage.value, lost: lost.value }, call)
  if (!recovered.ok) return recovered
  if (lost.value !== undefined) for (const suffix of SQLITE_SUFFIXES) rmSync(`${lost.value}${suffix}`, { force: true })
  const { identity, keys, rekey } = recovered.value
  const node = lineage.value.at(-1)
  if (node === undefined) throw new TypeError("a lineage ends with its node")
  const genesis = await genesisOf(making, node, rekey, call)
  if (!genesis.ok) return genesis
  const standing = standingOf(history.value.ledger.state, node)
  const config = recoveredConfig(options, standing)
  writeDurably(making.genesis, encodeGenesis(genesis.value))
  writeDurably(making.config, Buffer.from(encodeConfig(config)))
  const { cluster, generation, path } = node
  const { encryptionKey, epoch, signingKey } = identity.keys
  const id = encodeIdentity({ encryptionKey, signingKey, cluster })
  const entries = history.value.ledger.head.length
  return ok({ cluster, path, generation, epoch, id, standing, ledger: config.ledger, entries, keys })
}

/** The steps from the root down, cut at the node that recovers when it is above. */
function lineageFor({ nodes }: LedgerHistory, { cluster: digits = "", generation, path, source }: RecoverOptions): Result<Lineage> {
  const [cluster, ...others] = nodes.clustersOf(path).filter((each) => each.startsWith(digits))
  if (cluster === undefined)
    return refuse(
      "NODE_UNKNOWN",
      `${path} is no node of ${digits === "" ? "this ledger" : `cluster ${digits.slice(0, 16)}`} and never was; check the name`,
    )
  if (others.length > 0)
    return refuse(
      "NODE_UNKNOWN",
      `the ledger has ${path} in ${others.length + 1} clusters; name one with --cluster, e.g. ${cluster.slice(0, 16)}`,
    )
  const lineage = nodes.lineageOf({ cluster, path }, generation)
  if (!lineage.ok || source.kind === "root" || isBelow(path, source.path)) return lineage
  return refuse("NODE_NOT_BELOW", `${path} is not below ${source.path}; recover it on a node above it, or with the words of the root`)
}

const SQLITE_SUFFIXES = ["", "-wal", "-shm"] as const

/** Copies of what is at hand of the lost machine, so that the originals stay as they are; the path of the keystore's. */
function copyLost(making: Home, { audit, keystore }: RecoverOptions): Result<string | undefined> {
  const lost = keystore === undefined ? undefined : join(making.directory, "lost.db")
  for (const [from, to] of [[keystore, lost] as const, [audit, making.audit] as const]) {
    if (from === undefined || to === undefined) continue
    try {
      copyFileSync(from, to)
      // What a process that ended early had not yet moved into the file.
      if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`)
    } catch (error) {
      const why = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
      return refuse("RECOVERY_FILE_UNREADABLE", `${from} cannot be read (${why}); check the path and its permissions, nothing was made`)
    }
  }
  return ok(lost)
}

interface Recovered {
  readonly identity: Extract<ReturnType<typeof decodeIdentityValue>, { readonly ok: true }>["value"]
  readonly keys: number
  readonly rekey: Uint8Array | undefined
}

async function holdCeremony(
  making: Home,
  options: RecoverOptions,
  { lineage, lost }: { readonly lineage: Lineage; readonly lost: string | undefined },
  call: CallOptions,
): Promise<Result<Recovered>> {
  const { keyFile, source } = options
  const args = ["recover", "--store", making.keystore, "--audit", making.audit, "--order", JSON.stringify(orderOf(lineage, source, lost))]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  if (source.kind === "root") args.push(...recoverArguments(options), ...wordsPassphraseArguments(options))
  const outcome = await runCeremony(args, options, call)
  if (!outcome.ok) return outcome
  const identity = decodeIdentityValue(outcome.value.get("identity") ?? null)
  const [keys, rekey] = [outcome.value.get("keys"), outcome.value.get("rekey")]
  if (!identity.ok || typeof keys !== "number") return withoutResult()
  return ok({ identity: identity.value, keys, rekey: rekey instanceof Uint8Array ? rekey : undefined })
}

/** As the keystore program reads it (keystore/recover-ceremony.ts). */
function orderOf(lineage: Lineage, source: RecoverySource, lost: string | undefined): unknown {
  const from = source.kind === "root" ? ROOT_PATH : source.path
  const above = lineage.find(({ path }) => path === from)
  const steps = lineage.filter(({ path }) => isBelow(path, from))
  const node = lineage.at(-1)
  const epoch = node?.lastRekey?.epoch
  return {
    cluster: node?.cluster,
    ancestor:
      source.kind === "root"
        ? { kind: "root" }
        : {
            kind: "node",
            store: homeOf(source.home).keystore,
            path: source.path,
            generation: above?.generation,
            ...(source.keyFile === undefined ? {} : { keyFile: resolve(source.keyFile) }),
          },
    steps: steps.map(({ anchorKey, generation, path }) => ({ path, generation, anchorKey: toHex(anchorKey) })),
    ...(epoch === undefined ? {} : { epoch }),
    ...(lost === undefined ? {} : { lost }),
  }
}

/** The rekey that names the keys, the last on the ledger or the first, which is appended when the node runs. */
async function genesisOf(
  making: Home,
  { lastRekey }: NodeGeneration,
  rekey: Uint8Array | undefined,
  call: CallOptions,
): Promise<Result<readonly Uint8Array[]>> {
  if (rekey !== undefined) return ok([rekey])
  return await readEntries(making.ledger, lastRekey === undefined ? [] : [lastRekey.at], call)
}

function standingOf(state: LedgerState, { cluster, generation, path }: NodeGeneration): RecoveredNode["standing"] {
  const members = state.clusters.get(cluster)
  const now = members?.nodes.get(path)
  if (now !== undefined) return now.generation === generation ? "member" : "replaced"
  return members?.removed.get(path)?.reason === "replaced" ? "replaced" : "revoked"
}
