import type { DatabaseSync } from "node:sqlite"
import { equalBytes, ok, refuse, unwrap, type Refusal, type Result, type Secret } from "@keygrove/base"
import { decodeEpoch, deriveAnchor, deriveVault, type NodePlace, type VaultSecrets } from "@keygrove/hierarchy"
import { openInvitation, type VerifiedInvitation } from "@keygrove/ledger"
import type { NodeIdentity } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { MAX_PREDECESSORS, nodeRecordValue, type MovedTrail } from "../node-record.ts"
import { unlockNode } from "../node-secrets.ts"
import { wipeRun } from "../run-store.ts"
import type { SealedRecords } from "../sealed-records.ts"
import type { SecretSource } from "../secret-source.ts"
import { openStore, placeOf, predecessorId, type StoredNode } from "../stored-node.ts"
import { tokenNamespaceOf } from "../token-namespace.ts"
import { encodeGenesis } from "./found-node.ts"
import { openInvited } from "./invitation-source.ts"
import { rekeyEntry } from "./prepare-rekey.ts"
import { verifySuccession, type Succession } from "./succession-chain.ts"

export interface MoveOrder {
  /** `kginvite1…` for this node, by its parent below the new root. */
  readonly invitation: string
  /** As {@link verifySuccession} takes it, from the cluster that the keystore is of to this node. */
  readonly chain: readonly Uint8Array[]
  /** Of this keystore. */
  readonly unlock: SecretSource
  /** The moving code: from a descriptor, or from the terminal. */
  readonly codeDescriptor?: number
}

/** What became of the named keys. */
export interface MovedKeys {
  readonly keys: number
  /** Those whose newest version follows from the old node secret: the old words still give it, until it is rotated. */
  readonly derived: number
  /** Where the audit trail ends now; absent when there is none. */
  readonly trail?: MovedTrail
}

/** Hands the named keys over from one vault to another, whose secrets are borrowed, inside the transaction of the move: what it refuses is rolled back. */
export type KeyHandover = (from: VaultSecrets, to: VaultSecrets, trail: MovedTrail | undefined) => Result<MovedKeys>

export interface MoveOutcome {
  readonly identity: NodeIdentity
  /** Contents of the home's file `genesis`: the new cluster's announcement, and this node's first rekey in it. Public. */
  readonly genesis: Uint8Array
  /** Absent when an earlier ceremony moved the node. */
  readonly moved?: Pick<MovedKeys, "keys" | "derived">
}

/**
 * Makes the node of a keystore a node of its cluster's successor: checks who says so, opens the new node secret with the moving code, and stores it, with the old one as a predecessor and the named keys under their
 * new vault, in one transaction. The node must not run. Held again after it was cut off, it gives the same outcome. The code passes through strings, so the process must end afterwards.
 */
export async function moveNode(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: MoveOrder,
  { handOver, ...options }: SourceOptions & { readonly handOver: KeyHandover },
): Promise<Result<MoveOutcome>> {
  const invitation = openInvitation(tools.primitives, order.invitation)
  if (!invitation.ok) return invitation
  const opened = await openStore(database, tools, order.unlock, options)
  if (!opened.ok) return opened
  using store = opened.value
  const { node, records } = store
  if (isThere(tools, node, invitation.value)) return earlierOutcome(tools, node, order)
  const succession = checkMove(tools, node, { invitation: invitation.value, chain: order.chain })
  if (!succession.ok) return succession
  const { codeDescriptor: descriptor } = order
  const source = { question: "Moving code, six words: ", ...(descriptor === undefined ? {} : { descriptor }) }
  const invited = await openInvited(tools, invitation.value, source, options)
  if (!invited.ok) return invited
  using nodeSecret = invited.value
  return storeMove({ database, records, tools, handOver }, node, { succession: succession.value, nodeSecret })
}

/** Whether the keystore is of the node already that the invitation speaks of. */
function isThere({ primitives }: KeystoreTools, { nodeSecret, record }: StoredNode, { author, child }: VerifiedInvitation): boolean {
  using anchor = deriveAnchor(primitives, nodeSecret)
  return record.cluster === author.cluster && record.path === child.path && equalBytes(anchor.publicKey, child.anchorKey)
}

/** What the ceremony answered that moved the node. Where it stands now was checked then, and its statement is always the same. */
function earlierOutcome(tools: KeystoreTools, { nodeSecret, predecessors, record }: StoredNode, { chain }: MoveOrder): Result<MoveOutcome> {
  const from = predecessors[0]?.place.cluster
  if (from === undefined) return notThisNode(`the keystore is of ${record.path} in that cluster since it was made`)
  const succession = verifySuccession(tools.primitives, from, chain)
  if (!succession.ok) return succession
  using node = unlockNode(tools.primitives, nodeSecret, record, predecessors)
  const first = rekeyEntry(tools.primitives, nodeSecret, { ...record, epoch: unwrap(decodeEpoch(1)) })
  return ok({ identity: node.identity, genesis: encodeGenesis([succession.value.announced, first]) })
}

/** Checks that the invitation is for this very node, by who the chain says is its parent now. */
function checkMove(
  { primitives }: KeystoreTools,
  { predecessors, record }: StoredNode,
  { chain, invitation }: { readonly invitation: VerifiedInvitation; readonly chain: readonly Uint8Array[] },
): Result<Succession> {
  if (invitation.child.path !== record.path)
    return notThisNode(`the invitation is for ${invitation.child.path}, and the keystore is of ${record.path}`)
  const succession = verifySuccession(primitives, record.cluster, chain)
  if (!succession.ok) return succession
  if (!equalBytes(succession.value.certificate, invitation.certificate))
    return notThisNode("the invitation was made with another certificate than the newest of this node")
  if (predecessors.some(({ place }) => place.cluster === succession.value.cluster))
    return notThisNode(`the node was in cluster ${succession.value.cluster.slice(0, 16)} before`)
  if (predecessors.length < MAX_PREDECESSORS) return succession
  return refuse(
    "MOVE_PREDECESSORS_EXHAUSTED",
    `the keystore keeps ${MAX_PREDECESSORS} earlier nodes already; use the invitation for a new home with \`keygrove join\`, and keep this one to read old data`,
  )
}

interface MoveMeans {
  readonly database: DatabaseSync
  readonly records: SealedRecords
  readonly tools: KeystoreTools
  readonly handOver: KeyHandover
}

/** Writes all of it at once. The secrets are borrowed. */
function storeMove(
  { database, handOver, records, tools }: MoveMeans,
  old: StoredNode,
  { nodeSecret, succession }: { readonly succession: Succession; readonly nodeSecret: Secret },
): Result<MoveOutcome> {
  const { primitives } = tools
  const { generation, path } = succession.node
  const place: NodePlace = { cluster: succession.cluster, path, generation, epoch: unwrap(decodeEpoch(1)) }
  const entry = rekeyEntry(primitives, nodeSecret, place)
  const number = old.predecessors.length + 1
  using from = deriveVault(primitives, old.nodeSecret)
  using to = deriveVault(primitives, nodeSecret)
  using node = unlockNode(primitives, nodeSecret, place, [{ place: placeOf(old.record), nodeSecret: old.nodeSecret }, ...old.predecessors])
  const tokenNamespace = old.record.tokenNamespace ?? tokenNamespaceOf(primitives, from)
  // What is sealed with the old secrets is overwritten, not only unlinked.
  database.exec("PRAGMA secure_delete = ON; BEGIN IMMEDIATE")
  try {
    const moved = handOver(from, to, old.record.trail)
    if (!moved.ok) return moved
    const { derived, keys, trail } = moved.value
    records.put({ id: predecessorId(number), kind: "predecessor", version: 1, open: nodeRecordValue(placeOf(old.record)) }, old.nodeSecret)
    const open = nodeRecordValue({ ...place, entry, predecessors: number, tokenNamespace, ...(trail === undefined ? {} : { trail }) })
    records.replace({ id: "node", kind: "node", version: 1, open }, nodeSecret, nodeRecordValue(old.record))
    wipeRun(database)
    database.exec("COMMIT")
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)")
    return ok({ identity: node.identity, genesis: encodeGenesis([succession.announced, entry]), moved: { keys, derived } })
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK")
  }
}

function notThisNode(why: string): Refusal<"MOVE_NOT_THIS_NODE"> {
  return refuse("MOVE_NOT_THIS_NODE", `${why}; nothing was changed, fetch the invitation of this node`)
}
