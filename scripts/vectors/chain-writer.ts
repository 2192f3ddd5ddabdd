import { createHash } from "node:crypto"
import { encode, rfc8949EncodeOptions } from "cborg"
import { childSecret, epochOf, hkdf, info, rawPublic, signEd25519, type EpochVector } from "./derivation.ts"

/*
 * docs/protocol/ledger.md and docs/protocol/key-chain.md a second time, from their text alone: node:crypto and cborg, none of this repository's code.
 */

/** What canonical CBOR is made of. */
export type Value = string | number | boolean | Uint8Array | readonly Value[] | { readonly [key: string]: Value }

/** A key that signs: an anchor or a signing key. */
export interface Signer {
  readonly seed: Uint8Array
  readonly key: Uint8Array
}

/** Somebody who writes: where it stands and what it signs with. */
export interface Author {
  readonly cluster: Uint8Array
  readonly path: string
  readonly signer: Signer
}

/** A node with the secrets that its words give it. */
export interface Member {
  readonly cluster: Uint8Array
  readonly path: string
  readonly generation: number
  readonly secret: Uint8Array
  readonly anchor: Signer
}

/** SHA-256 of the parts, one after the other. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Canonical CBOR. */
export function cbor(value: Value): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

/** The root of the cluster of a 32-byte root secret. */
export function rootOf(secret: Uint8Array): Member {
  const anchor = anchorOf(secret)
  return { cluster: sha256(info("keygrove/v1/cluster", anchor.key)), path: "/", generation: 1, secret, anchor }
}

/** A child of a member. */
export function childOf(parent: Member, name: string, generation = 1): Member {
  const secret = childSecret(parent.secret, name, generation)
  const path = parent.path === "/" ? `/${name}` : `${parent.path}/${name}`
  return { cluster: parent.cluster, path, generation, secret, anchor: anchorOf(secret) }
}

function anchorOf(secret: Uint8Array): Signer {
  const seed = hkdf(secret, info("keygrove/v1/anchor"))
  return { seed, key: rawPublic(seed, "70") }
}

/** The member as an author by its anchor. */
export function byAnchor({ anchor, cluster, path }: Member): Author {
  return { cluster, path, signer: anchor }
}

/** The member as an author by the signing key of an epoch. */
export function bySigningKey(member: Member, epoch: number): Author {
  const { keys, secrets } = epochOf(member.secret, epoch)
  return { cluster: member.cluster, path: member.path, signer: { seed: secrets.signing, key: keys.signingKey } }
}

/** An encoded entry; `scope` is that of statements about nodes. */
export function entry(kind: string, body: Value | Uint8Array, author: Author, scope = "cluster"): Uint8Array {
  const bytes = body instanceof Uint8Array ? body : cbor(body)
  const { cluster, path, signer } = author
  const sig = signEd25519(signer.seed, info("keygrove/v1/entry", scope, kind, bytes, cluster, path, signer.key))
  return cbor({ v: 1, scope, kind, body: bytes, cluster, path, key: signer.key, sig })
}

/** A root announces its cluster. */
export function announcement(root: Member): Uint8Array {
  return entry("cluster", { anchorKey: root.anchor.key }, byAnchor(root))
}

/** A parent certifies a child. */
export function certificate(parent: Member, { anchor, generation, path }: Member): Uint8Array {
  return entry("node", { path, generation, anchorKey: anchor.key }, byAnchor(parent))
}

/** What a rekey may say that is not as it should be. */
export interface RekeySlip {
  readonly generation?: number
  readonly previous?: Uint8Array
  readonly possession?: Uint8Array
  readonly keys?: EpochVector["keys"]
  readonly author?: Author
}

/** The body of a member's rekey to an epoch, chained to the one before. */
export function rekeyBody(member: Member, epoch: number, slip: RekeySlip = {}): Value {
  const vector = epochOf(member.secret, epoch)
  const { generation = member.generation, previous = previousOf(member, epoch) } = slip
  const keys = { epoch, ...(slip.keys ?? vector.keys) }
  const message = cbor(["keygrove/v1/rekey-possession", member.cluster, member.path, generation, previous, keys])
  return { generation, keys, previous, possession: slip.possession ?? signEd25519(vector.secrets.signing, message) }
}

/** A member names the keys of an epoch. */
export function rekey(member: Member, epoch: number, slip: RekeySlip = {}): Uint8Array {
  return entry("rekey", rekeyBody(member, epoch, slip), slip.author ?? byAnchor(member))
}

function previousOf(member: Member, epoch: number): Uint8Array {
  return epoch === 1 ? new Uint8Array(32) : sha256(cbor(rekeyBody(member, epoch - 1)))
}

/** An ancestor ends a node. */
export function revocation(ancestor: Member, { generation, path }: Member, more: { readonly [key: string]: Value } = {}): Uint8Array {
  return entry("node-revoked", { path, generation, reason: "compromised", ...more }, byAnchor(ancestor))
}

/** An ancestor orders a node to rekey. */
export function order(ancestor: Member, { generation, path }: Member, epoch: number): Uint8Array {
  return entry("rekey-ordered", { path, generation, epoch }, byAnchor(ancestor))
}

/** A root steps down for another. */
export function replacement(root: Member, successor: Member): Uint8Array {
  return entry("root-replaced", { successor: successor.cluster, anchorKey: successor.anchor.key }, byAnchor(root))
}

/** Length and hash of a chain of entries. */
export function headOf(entries: readonly Uint8Array[]): { readonly length: number; readonly hash: Uint8Array } {
  let hash: Uint8Array = new Uint8Array(32)
  for (const each of entries) hash = sha256(hash, sha256(each))
  return { length: entries.length, hash }
}

/** The encoded head of a chain, signed. */
export function signedHead(entries: readonly Uint8Array[], { cluster, path, signer }: Author): Uint8Array {
  const { hash, length } = headOf(entries)
  const sig = signEd25519(signer.seed, info("keygrove/v1/key-chain", length, hash, cluster, path, signer.key))
  return cbor({ v: 1, length, hash, cluster, path, key: signer.key, sig })
}
