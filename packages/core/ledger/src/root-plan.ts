import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  equalBytes,
  ok,
  refuse,
  type Refusal,
  type Result,
} from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeNodePath, ROOT_PATH, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeEntry, type Entry } from "./entry.ts"
import { MAX_INVITATION_CHARACTERS } from "./invitation.ts"
import { MAX_CLUSTER_NODES, MAX_ENTRY_BYTES } from "./limits.ts"

/** What replaces the root of a cluster, as its ceremony made it (docs/protocol/root-rekey.md). Nothing in it is secret: the invitations open only with the moving code. */
export interface RootPlan {
  /** The cluster of the new root. */
  readonly successor: ClusterId
  /** The new root's anchor, Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  /** Encoded entries of the new cluster: `cluster`, then each node's certificate, parents first. */
  readonly entries: readonly Uint8Array[]
  /** The encoded entry `root-replaced` of the cluster whose root steps down. */
  readonly replaced: Uint8Array
  /** `kginvite1…` for each node. */
  readonly invitations: readonly { readonly path: NodePath; readonly invitation: string }[]
}

/** A plan that was read, with what its entries say. */
export interface OpenedRootPlan extends RootPlan {
  /** The cluster whose root steps down. */
  readonly cluster: ClusterId
}

const VERSION = 1
/** Bytes that a certificate, a path and an invitation take at most. */
const MAX_NODE_BYTES = 5_120
/** Longest plan in bytes: of a cluster that is full. */
export const MAX_ROOT_PLAN_BYTES: number = MAX_CLUSTER_NODES * MAX_NODE_BYTES

const entry = bytesWithinShape(1, MAX_ENTRY_BYTES)
const shape = v.strictObject({
  v: v.literal(VERSION),
  successor: brandShape(decodeClusterBytes),
  anchorKey: bytesShape(32),
  entries: v.pipe(v.array(entry), v.minLength(1), v.maxLength(MAX_CLUSTER_NODES)),
  replaced: entry,
  invitations: v.pipe(
    v.array(
      v.strictObject({
        path: brandShape(decodeNodePath),
        invitation: v.pipe(v.string(), v.regex(/^kginvite1[0-9a-z]+$/), v.maxLength(MAX_INVITATION_CHARACTERS)),
      }),
    ),
    v.maxLength(MAX_CLUSTER_NODES),
  ),
})

/** Canonical CBOR of a plan, as the file `root-rekey` of a home holds it. */
export function encodeRootPlan({ anchorKey, entries, invitations, replaced, successor }: RootPlan): Uint8Array {
  const named = invitations.map(({ invitation, path }) => ({ path, invitation }))
  return encodeCanonical({ v: VERSION, successor: clusterBytes(successor), anchorKey, entries, replaced, invitations: named })
}

/**
 * Strict inverse of {@link encodeRootPlan}; also checks that the entries say what a plan's do: one root announces itself, certifies nodes or has them certify theirs, each before its children, and the other
 * steps down for it; and that those nodes are the ones that are invited. Signatures are for the ledger to check.
 */
export function decodeRootPlan(bytes: Uint8Array): Result<OpenedRootPlan, "ROOT_PLAN_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape,
    maxBytes: MAX_ROOT_PLAN_BYTES,
    code: "ROOT_PLAN_INVALID",
    noun: "plan of a root's replacement",
  })
  if (!decoded.ok) return decoded
  const { anchorKey, entries, invitations, replaced, successor } = decoded.value
  const plan = { successor, anchorKey, entries, replaced, invitations }
  const ended = decodeEntry(replaced)
  if (!ended.ok || ended.value.statement?.kind !== "root-replaced" || ended.value.author.path !== ROOT_PATH)
    return invalid("its last entry is not a root's that steps down")
  const { author, statement } = ended.value
  const names = statement.body.successor === successor && equalBytes(statement.body.anchorKey, anchorKey)
  if (!names || author.cluster === successor) return invalid("the root that steps down names another one")
  const certified = certifiedPaths(plan)
  if (!certified.ok) return certified
  const invited = new Set(invitations.map(({ path }) => path))
  const isComplete =
    invited.size === invitations.length &&
    invited.size === certified.value.size &&
    invitations.every(({ path }) => certified.value.has(path))
  return isComplete ? ok({ ...plan, cluster: author.cluster }) : invalid("the nodes that it invites are not those that it certifies")
}

/** The paths that the entries certify, or why they are not those of a new cluster. */
function certifiedPaths({
  anchorKey,
  entries: [first, ...others],
  successor,
}: RootPlan): Result<ReadonlySet<NodePath>, "ROOT_PLAN_INVALID"> {
  const announced = first === undefined ? undefined : entryOf(first, successor)
  if (announced?.statement?.kind !== "cluster" || !equalBytes(announced.statement.body.anchorKey, anchorKey))
    return invalid("it does not begin with the new root's announcement")
  const paths = new Set<NodePath>()
  for (const bytes of others) {
    const certificate = entryOf(bytes, successor)
    if (certificate?.statement?.kind !== "node") return invalid("it has an entry that certifies no node of the new root")
    const { path } = certificate.statement.body
    const { path: parent } = certificate.author
    if (paths.has(path) || (parent !== ROOT_PATH && !paths.has(parent))) return invalid(`${path} is there twice, or before its parent`)
    paths.add(path)
  }
  return ok(paths)
}

function entryOf(bytes: Uint8Array, cluster: ClusterId): Entry | undefined {
  const decoded = decodeEntry(bytes)
  return decoded.ok && decoded.value.author.cluster === cluster ? decoded.value : undefined
}

function invalid(why: string): Refusal<"ROOT_PLAN_INVALID"> {
  return refuse(
    "ROOT_PLAN_INVALID",
    `the plan of the root's replacement is damaged: ${why}; restore the file root-rekey from a backup, or begin again without it`,
  )
}
