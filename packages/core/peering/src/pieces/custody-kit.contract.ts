import { unwrap } from "@keygrove/base"
import { custodyOf, type Statement } from "@keygrove/ledger"
import { decodeKeyGeneration, decodePieceIndex, pieceReceiptBytes, sharingIdOf, type KeyGeneration } from "@keygrove/pieces"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitKey,
  kitPoint,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "../../../ledger/src/ledger-kit.contract.ts"
import type { CustodyView } from "./piece-admission.ts"

const root = kitRoot("custody")

/** Three members, by path `/a`, `/b` and `/c`; and a node that is none. */
export const kitMembers: { readonly a: KitNode; readonly b: KitNode; readonly c: KitNode; readonly stranger: KitNode } = {
  a: kitChild(root, "/a"),
  b: kitChild(root, "/b"),
  c: kitChild(root, "/c"),
  stranger: kitChild(root, "/stranger"),
}

export const kitCustodyRoot: KitNode = root

/** A member's signing key in its first epoch. */
export function keyOf(node: KitNode): Uint8Array {
  return kitKey(signingName(node, 1))
}

/** A member's boot key. */
export function bootKeyOf(node: KitNode): Uint8Array {
  return kitKey(`boot ${node.path}`)
}

/** What a node says in its first epoch. */
export function said(node: KitNode, statement: Statement): Uint8Array {
  return kitEntry(statement, node, signingName(node, 1))
}

export function signedBy(node: KitNode, message: Uint8Array): Uint8Array {
  using seed = kitSeed(signingName(node, 1))
  return kitPrimitives.ed25519.sign(seed, message)
}

export function generationOf(number: number): KeyGeneration {
  return unwrap(decodeKeyGeneration(number))
}

/** The commitments of a named sharing of two pieces. */
export function commitmentsOf(name: string): readonly Uint8Array[] {
  return [kitPoint(`${name} 0`), kitPoint(`${name} 1`)]
}

/** An owner's sharing in a generation with receipts of both others, and its id. */
export function sharedBy(owner: KitNode, generation: number, name: string): { readonly entry: Uint8Array; readonly id: Uint8Array } {
  const commitments = commitmentsOf(name)
  const id = sharingIdOf(kitPrimitives, { owner, generation: generationOf(generation), commitments })
  const { a, b, c } = kitMembers
  const receipts = [a, b, c].flatMap((holder, place) => {
    const index = unwrap(decodePieceIndex(place + 1))
    const about = {
      cluster: owner.cluster,
      owner: owner.path,
      generation: generationOf(generation),
      sharing: id,
      index,
      holder: holder.path,
      attempt: 0,
    }
    return holder === owner ? [] : [{ index, signature: signedBy(holder, pieceReceiptBytes(about)) }]
  })
  return { entry: said(owner, { kind: "pieces-shared", body: { generation: generationOf(generation), commitments, receipts } }), id }
}

/** Everybody is known and a member, and the first generation is starting. */
export const founding: readonly Uint8Array[] = [
  clusterEntry(root),
  ...Object.values(kitMembers).flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)]),
  ...[kitMembers.a, kitMembers.b, kitMembers.c].map((node) => {
    const unlock = node === kitMembers.b ? ("approve" as const) : ("auto" as const)
    const keys = { bootSigningKey: bootKeyOf(node), bootSealingKey: kitBytes(`boot sealing ${node.path}`) }
    return said(node, { kind: "custody-joined", body: { revision: 1, ...keys, unlock, addresses: [] } })
  }),
  said(kitMembers.a, { kind: "generation-started", body: { generation: generationOf(1) } }),
]

/** What a member sees after the founding and more entries, which all have to have their effect. */
export function viewAfter(self: KitNode, ...more: readonly Uint8Array[]): CustodyView {
  const { ledger, verdicts } = kitFold([...founding, ...more])
  const isVoid = verdicts.findIndex((verdict) => verdict !== "applied")
  if (isVoid >= 0) throw new TypeError(`entry ${isVoid} of the kit is void: ${verdicts[isVoid]}`)
  return { state: ledger.state, custody: custodyOf(ledger.state, self.cluster), self }
}
