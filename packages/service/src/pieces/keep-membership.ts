import { brandShape, checkShape, encodeCanonical, equalBytes, ok, type CborValue, type Result } from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeGeneration, type ClusterId, type Generation } from "@keygrove/hierarchy"
import { evidenceDemandShape, evidenceDemandValue, type EvidenceDemand, type UnlockMode } from "@keygrove/pieces"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import type { Storage, StorageRefusal } from "../ports/storage.ts"
import { listenAddresses } from "./announce-member.ts"
import { state } from "./custody-round.ts"
import { custodyView } from "./custody-view.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** On what terms a member's pieces are given back. */
interface MemberTerms {
  readonly unlock: UnlockMode
  /** What its machine has to show; absent when the boot key is enough. */
  readonly evidence?: EvidenceDemand
}

/** What a node was when it was last seen to be a member. */
interface KnownMembership {
  readonly cluster: ClusterId
  /** Of the node. */
  readonly generation: Generation
  readonly terms: MemberTerms
}

const KEY = "membership"
const shape = v.strictObject({
  cluster: brandShape(decodeClusterBytes),
  generation: brandShape(decodeGeneration),
  terms: v.strictObject({ unlock: v.picklist(["auto", "approve"]), evidence: v.exactOptional(evidenceDemandShape) }),
})

/**
 * Remembers that this node is a member, and makes it one again when its membership ended only because it became another node: it moved below the root that replaced its own, or was issued again. One that left stays
 * away.
 */
export async function keepMembership(context: PiecesContext, options: CallOptions): Promise<Result<unknown>> {
  const { custody, self, state: ledger } = custodyView(context)
  const { generation, keys } = context.keystore.identity()
  const known = await readMembership(context.storage, options)
  if (!known.ok) return known
  const node = ledger.clusters.get(self.cluster)?.nodes.get(self.path)
  // A copy of the ledger that is behind has another node in its place.
  if (node?.generation !== generation || node.keys?.epoch !== keys.epoch) return ok(undefined)
  const member = custody.members.get(self.path)
  const now = { cluster: self.cluster, generation }
  if (member !== undefined) return await remember(context.storage, known.value, { ...now, terms: termsOf(member) }, options)
  if (known.value === undefined) return ok(undefined)
  if (custody.left.has(self.path)) return await forgetMembership(context.storage, options)
  // A root that was replaced ends its members before they move; and a copy of the ledger may have lost its end.
  if (isSameNode(known.value, now)) return ok(undefined)
  const announced = await announceMembership(context, known.value.terms, options)
  if (announced.ok) context.log("this node is another than when it was a member; it is made one again")
  return announced
}

/** Says on the ledger that this node is a member, or is one in another way. */
export async function announceMembership(context: PiecesContext, terms: MemberTerms, options: CallOptions): Promise<Result<unknown>> {
  const keys = await context.keystore.bootKeys(options)
  if (!keys.ok) return keys
  const { custody, self } = custodyView(context)
  const revision = (custody.members.get(self.path)?.revision ?? custody.left.get(self.path) ?? 0) + 1
  const { sealingKey, signingKey } = keys.value
  const body = { revision, bootSigningKey: signingKey, bootSealingKey: sealingKey, ...terms, addresses: listenAddresses(context) }
  return await state(context, { kind: "custody-joined", body }, options)
}

async function readMembership(storage: Storage, options: CallOptions): Promise<Result<KnownMembership | undefined>> {
  const found = await storage.get("setting", KEY, options)
  if (!found.ok || found.value === undefined) return found.ok ? ok(undefined) : found
  return checkShape(found.value, { shape, code: "STORAGE_CORRUPT", noun: "membership" })
}

async function remember(
  storage: Storage,
  known: KnownMembership | undefined,
  now: KnownMembership,
  options: CallOptions,
): Promise<Result<true, StorageRefusal>> {
  const value = valueOf(now)
  if (known !== undefined && equalBytes(encodeCanonical(value), encodeCanonical(valueOf(known)))) return ok(true)
  return await storage.write([{ kind: "put", collection: "setting", key: KEY, value }], options)
}

/** So that a node that becomes another stays what it is. */
export async function forgetMembership(storage: Storage, options: CallOptions): Promise<Result<true, StorageRefusal>> {
  return await storage.write([{ kind: "remove", collection: "setting", key: KEY }], options)
}

function termsOf({ evidence, unlock }: MemberTerms): MemberTerms {
  return evidence === undefined ? { unlock } : { unlock, evidence }
}

function valueOf({ cluster, generation, terms: { evidence, unlock } }: KnownMembership): CborValue {
  const terms = evidence === undefined ? { unlock } : { unlock, evidence: evidenceDemandValue(evidence) }
  return { cluster: clusterBytes(cluster), generation, terms }
}

function isSameNode(a: Omit<KnownMembership, "terms">, b: Omit<KnownMembership, "terms">): boolean {
  return a.cluster === b.cluster && a.generation === b.generation
}
