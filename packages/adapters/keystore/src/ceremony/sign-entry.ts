import type { Primitives } from "@keygrove/crypto"
import type { Anchor, NodeReference } from "@keygrove/hierarchy"
import { draftEntry, encodeEntry, entrySignBytes, type Statement } from "@keygrove/ledger"

/** An encoded ledger entry, signed by the anchor of its author. Borrows the anchor. */
export function signEntry(primitives: Primitives, statement: Statement, { cluster, path }: NodeReference, anchor: Anchor): Uint8Array {
  const draft = draftEntry(statement, { cluster, path, key: anchor.publicKey })
  return encodeEntry({ ...draft, signature: primitives.ed25519.sign(anchor.seed, entrySignBytes(draft)) })
}
