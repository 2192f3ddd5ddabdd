import { resolve } from "node:path"
import { ok, toHex, type Result } from "@keygrove/base"
import { decodeIdentityValue } from "@keygrove/keystore"
import type { CallOptions, NodeIdentity } from "@keygrove/service"
import { runCeremony, withoutResult, type CeremonySources } from "./ceremony-process.ts"
import { lockHome } from "./instance-lock.ts"
import { checkHome, homeOf } from "./home.ts"
import { readGenesis } from "./home-facts.ts"
import { replaceDurably } from "./make-home.ts"

/** What makes a node one of the successor of its cluster. All of it is public. */
export interface MoveOrder {
  /** `kginvite1…` for this node, by its parent below the new root. */
  readonly invitation: string
  /**
   * Encoded entries: `root-replaced` of the cluster that the keystore is of (and of those between, when the root was replaced more than once, oldest first), then the successor's `cluster` and the
   * certificates from its root down to this node.
   */
  readonly chain: readonly Uint8Array[]
}

/** The sources of a move: the passphrase of this keystore, and where the moving code is, as the words would be. */
export interface MoveSources extends Pick<CeremonySources, "passphraseSource" | "wordsSource"> {
  readonly keyFile?: string
}

export interface MovedNode {
  readonly identity: NodeIdentity
  /** Encoded entries that the home has in its `genesis` now: the successor's `cluster`, and the node's first rekey. */
  readonly genesis: readonly Uint8Array[]
  /** Named keys that were sealed again, and how many of them the old node secret still gives until they are rotated; absent when an earlier ceremony did it. */
  readonly resealed?: { readonly keys: number; readonly derived: number }
}

/**
 * Runs the ceremony that makes the node of a home, which must not run, a node of the successor of its cluster. The keystore has its old state or the new one, whatever happens; held again after it was cut off,
 * it gives the same outcome.
 */
export async function moveNode(directory: string, order: MoveOrder, sources: MoveSources, call: CallOptions): Promise<Result<MovedNode>> {
  const home = checkHome(homeOf(directory))
  if (!home.ok) return home
  // A keystore that runs would write records of its old vault among those of the new one.
  const held = lockHome(home.value)
  if (!held.ok) return held
  using _held = held.value
  const { chain, invitation } = order
  const { keyFile, wordsSource } = sources
  const argument = JSON.stringify({ invitation, chain: chain.map(toHex) })
  const args = [
    "move",
    "--store",
    home.value.keystore,
    "--audit",
    home.value.audit,
    "--order",
    argument,
    "--recover",
    wordsSource === undefined ? "terminal" : "descriptor",
  ]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  const outcome = await runCeremony(args, sources, call)
  if (!outcome.ok) return outcome
  const identity = decodeIdentityValue(outcome.value.get("identity") ?? null)
  const [genesis, keys, derived] = ["genesis", "keys", "derived"].map((name) => outcome.value.get(name))
  if (!identity.ok || !(genesis instanceof Uint8Array)) return withoutResult()
  replaceDurably(home.value.genesis, genesis)
  const entries = readGenesis(home.value.genesis)
  if (!entries.ok) return entries
  const resealed = typeof keys === "number" && typeof derived === "number" ? { resealed: { keys, derived } } : {}
  return ok({ identity: identity.value, genesis: entries.value, ...resealed })
}
