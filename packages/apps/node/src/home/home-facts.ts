import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { UnlockMeans } from "@keygrove/api"
import { decodeCanonical, ok, refuse, type Result } from "@keygrove/base"
import type { EpochKeys } from "@keygrove/hierarchy"
import { decodeEntry, type Entry } from "@keygrove/ledger"
import { readConfig } from "./config.ts"
import { withPaths, type EtcdSetting } from "./etcd-setting.ts"
import { checkHome, homeOf } from "./home.ts"
import type { AnchoredNode } from "./last-rekey.ts"
import { unlockMeans } from "./unlock-means.ts"

const MAX_GENESIS_BYTES = 65_536

/** What a home tells about its node without any secret and without the node running. */
export interface HomeFacts {
  /** Path in its cluster, e.g. `/laptop`. */
  readonly path: string
  readonly cluster: string
  /** `embedded`, `copy`, etcd://…, or the address of the node that hosts the ledger. */
  readonly ledger: string
  /** How a ledger in etcd is reached, with absolute paths. */
  readonly etcd?: EtcdSetting
  readonly listen: string
  /** TCP port of JSON-RPC on 127.0.0.1; 0 for none. */
  readonly rpcPort: number
  readonly unlocks: UnlockMeans
}

/** Reads the public files of a home; refuses as the node itself would on it. */
export function readHomeFacts(directory: string): Result<HomeFacts> {
  const home = checkHome(homeOf(directory))
  if (!home.ok) return home
  const config = readConfig(home.value.config)
  if (!config.ok) return config
  const made = readMade(home.value.genesis)
  if (!made.ok) return made
  const { cluster, path } = made.value.node
  const { etcd, ledger, listen, rpcPort } = config.value
  const unlocks = unlockMeans(home.value.directory, config.value)
  const reached = etcd === undefined ? {} : { etcd: withPaths(etcd, (file) => resolve(home.value.directory, file)) }
  return ok({ path, cluster, ledger, ...reached, listen, rpcPort, unlocks })
}

/** The node that a home was made for, by its anchor, and the keys that it was made with. */
export interface MadeNode {
  readonly node: AnchoredNode
  readonly keys: EpochKeys
}

/** Finds the node's own rekey in the file `genesis`. */
export function readMade(genesis: string): Result<MadeNode, "CONFIG_INVALID"> {
  const entries = readGenesis(genesis)
  if (!entries.ok) return entries
  const entry = entries.value.map(decodedEntry).find((each) => each?.statement?.kind === "rekey")
  if (entry?.statement?.kind !== "rekey") return refuse("CONFIG_INVALID", `${genesis} names no keys of a node; restore it from a backup`)
  const { cluster, key, path } = entry.author
  return ok({ node: { cluster, path, anchorKey: key }, keys: entry.statement.body.keys })
}

/** The entries of the file `genesis`: encoded, in order. */
export function readGenesis(path: string): Result<readonly Uint8Array[], "CONFIG_INVALID"> {
  if (!existsSync(path))
    return refuse("CONFIG_INVALID", `${path} is missing, and the ledger does not know this node yet; restore it from a backup`)
  const decoded = decodeCanonical(readFileSync(path), MAX_GENESIS_BYTES)
  const entries = decoded.ok && Array.isArray(decoded.value) ? decoded.value.filter((entry) => entry instanceof Uint8Array) : []
  return entries.length > 0 ? ok(entries) : refuse("CONFIG_INVALID", `${path} is damaged; restore it from a backup`)
}

function decodedEntry(bytes: Uint8Array): Entry | undefined {
  const decoded = decodeEntry(bytes)
  return decoded.ok ? decoded.value : undefined
}
