import { custodyOf, type Statement } from "@keygrove/ledger"
import { sharingIdOf } from "@keygrove/pieces"
import { KitCustody, kitBootKeys, kitCommitments, kitGeneration } from "../../../ledger/src/custody-kit.contract.ts"
import { kitEntry, kitFold, kitKey, kitPrimitives, kitSeed, signingName, type KitNode } from "../../../ledger/src/ledger-kit.contract.ts"
import type { CustodyView } from "./piece-admission.ts"

const kit = new KitCustody("custody", 4, 0)

/** Three members, of whom `b` approves by hand; and a node that is none. */
export const kitMembers: { readonly a: KitNode; readonly b: KitNode; readonly c: KitNode; readonly stranger: KitNode } = {
  a: kit.node(1),
  b: kit.node(2),
  c: kit.node(3),
  stranger: kit.node(4),
}

for (const node of [kitMembers.a, kitMembers.b, kitMembers.c]) kit.join(node, { unlock: node === kitMembers.b ? "approve" : "auto" })
kit.start(kitMembers.a)
/** Everybody is known and a member, and the first generation is starting. */
const founding: readonly Uint8Array[] = [...kit.entries]
// The kit itself goes on, so that it knows the second generation.
for (const node of [kitMembers.a, kitMembers.b]) kit.share(node)
kit.start(kitMembers.a)

export const kitCustodyRoot: KitNode = kit.root

/** A member's signing key in its first epoch. */
export function keyOf(node: KitNode): Uint8Array {
  return kitKey(signingName(node, 1))
}

/** A member's boot key. */
export function bootKeyOf(node: KitNode): Uint8Array {
  return kitBootKeys(node).bootSigningKey
}

/** What a node says in its first epoch. */
export function said(node: KitNode, statement: Statement): Uint8Array {
  return kitEntry(statement, node, signingName(node, 1))
}

export function signedBy(node: KitNode, message: Uint8Array): Uint8Array {
  using seed = kitSeed(signingName(node, 1))
  return kitPrimitives.ed25519.sign(seed, message)
}

/** The commitments of a named sharing of two pieces. */
export function commitmentsOf(name: string): readonly Uint8Array[] {
  return kitCommitments(name, 2)
}

/** An owner's sharing in the first or second generation with receipts of both others, and its id. */
export function sharedBy(owner: KitNode, generation: 1 | 2, name: string): { readonly entry: Uint8Array; readonly id: Uint8Array } {
  const commitments = commitmentsOf(name)
  const body = kit.shown(owner.path, generation, { attempt: 0, commitments })
  const id = sharingIdOf(kitPrimitives, { owner, generation: kitGeneration(generation), commitments })
  return { entry: said(owner, { kind: "pieces-shared", body }), id }
}

/** What a member sees after the founding and more entries, which all have to have their effect. */
export function viewAfter(self: KitNode, ...more: readonly Uint8Array[]): CustodyView {
  const { ledger, verdicts } = kitFold([...founding, ...more])
  const isVoid = verdicts.findIndex((verdict) => verdict !== "applied")
  if (isVoid >= 0) throw new TypeError(`entry ${isVoid} of the kit is void: ${verdicts[isVoid]}`)
  return { state: ledger.state, custody: custodyOf(ledger.state, self.cluster), self }
}
