import { existsSync, readFileSync } from "node:fs"
import { decodeCanonical, ok, refuse, type Result } from "@keygrove/base"
import { encodeIdentity } from "@keygrove/hierarchy"
import { decodeEntry, type Entry } from "@keygrove/ledger"
import { readConfig } from "./config.ts"
import { checkHome, homeOf } from "./home.ts"

const MAX_GENESIS_BYTES = 65_536

/** What a home tells about its node without any secret and without the node running. */
export interface HomeFacts {
  /** Path in its cluster, e.g. `/laptop`. */
  readonly path: string
  readonly cluster: string
  /** `kg1…` of the keys it was made with. */
  readonly id: string
  /** `embedded`, or the address of the node that hosts the ledger. */
  readonly ledger: string
  readonly listen: string
  /** TCP port of JSON-RPC on 127.0.0.1; 0 for none. */
  readonly rpcPort: number
  /** What unlocks it: a passphrase, or the key file of this path. */
  readonly unlocks: "passphrase" | { readonly keyFile: string }
}

/** Reads the public files of a home; refuses as the node itself would on it. */
export function readHomeFacts(directory: string): Result<HomeFacts> {
  const home = checkHome(homeOf(directory))
  if (!home.ok) return home
  const config = readConfig(home.value.config)
  if (!config.ok) return config
  const entries = readGenesis(home.value.genesis)
  if (!entries.ok) return entries
  const node = entries.value.map(decodedEntry).find((entry) => entry?.statement?.kind === "rekey")
  if (node?.statement?.kind !== "rekey")
    return refuse("CONFIG_INVALID", `${home.value.genesis} names no keys of a node; restore it from a backup`)
  const { cluster, path } = node.author
  const { encryptionKey, signingKey } = node.statement.body.keys
  const { keyFile, ledger, listen, rpcPort } = config.value
  const unlocks = keyFile === undefined ? "passphrase" : { keyFile }
  return ok({ path, cluster, id: encodeIdentity({ encryptionKey, signingKey, cluster }), ledger, listen, rpcPort, unlocks })
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
