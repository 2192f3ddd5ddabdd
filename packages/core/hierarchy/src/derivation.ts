import { toHex, unwrap, type Secret } from "@keygrove/base"
import { deriveKey, deriveScalar, encodeInfo, type KeyInfo, type Primitives } from "@keygrove/crypto"
import type { EpochKeys } from "./epoch-keys.ts"
import { decodeClusterId, type ClusterId, type Epoch, type Generation, type NodeName } from "./names.ts"

/** Bytes of every secret derived here. */
const SECRET_BYTES = 32

/** What is still needed of an epoch that is over: all that opens, nothing that signs. Disposing of the bundle wipes all of it. */
export interface ReadingSecrets extends Disposable {
  readonly epoch: Epoch
  /** secp256k1 scalar. */
  readonly encryption: Secret
  /** X25519 secret. */
  readonly sealing: Secret
  /** AEAD key of what the node stores. */
  readonly storage: Secret
  /** Label keys derive from it, see {@link labelSecret}. */
  readonly labels: Secret
}

/** The secrets of one node in one epoch. Disposing of the bundle wipes all of them. */
export interface EpochSecrets extends ReadingSecrets {
  /** Ed25519 seed. */
  readonly signing: Secret
  /** secp256k1 scalar. */
  readonly delegation: Secret
}

/** An Ed25519 anchor: the seed, owned by whoever asked, and its public key (32 bytes). */
export interface Anchor extends Disposable {
  readonly seed: Secret
  readonly publicKey: Uint8Array
}

/** s(root) from the 64-byte BIP39 seed of the 24 words. */
export function deriveRoot(primitives: Primitives, seed: Secret): Secret {
  if (seed.length !== 64) throw new RangeError(`the seed of the words has 64 bytes, got ${seed.length}`)
  return derive(primitives, seed, ["keygrove/v1/root"])
}

/** s(child) from s(parent); hardened, so it reveals nothing about the parent or its other children. */
export function deriveChild(
  primitives: Primitives,
  parent: Secret,
  child: { readonly name: NodeName; readonly generation: Generation },
): Secret {
  return derive(primitives, parent, ["keygrove/v1/child", child.name, child.generation])
}

/** The node's anchor from s(node). */
export function deriveAnchor(primitives: Primitives, node: Secret): Anchor {
  const seed = derive(primitives, node, ["keygrove/v1/anchor"])
  const publicKey = primitives.ed25519.publicKey(seed)
  return { seed, publicKey, [Symbol.dispose]: () => seed[Symbol.dispose]() }
}

/** All secrets of one epoch from s(node); whatever was derived is wiped when a step throws. */
export function deriveEpoch(primitives: Primitives, node: Secret, epoch: Epoch): EpochSecrets {
  using epochSecret = deriveEpochSecret(primitives, node, epoch)
  return expandEpoch(primitives, epochSecret, epoch)
}

/** All secrets of one epoch from its {@link deriveEpochSecret}, which stays the caller's. */
export function expandEpoch(primitives: Primitives, epochSecret: Secret, epoch: Epoch): EpochSecrets {
  using partial = new DisposableStack()
  const reading = partial.use(readingOf(primitives, epochSecret, epoch))
  const secrets = {
    ...reading,
    signing: partial.use(derive(primitives, epochSecret, ["keygrove/v1/signing"])),
    delegation: partial.use(deriveScalar(primitives, epochSecret, ["keygrove/v1/delegation"])),
  }
  const owned = partial.move()
  return { ...secrets, [Symbol.dispose]: () => owned.dispose() }
}

/** What old data needs of one epoch, from s(node): the same secrets as those of {@link deriveEpoch}. */
export function deriveReading(primitives: Primitives, node: Secret, epoch: Epoch): ReadingSecrets {
  using epochSecret = deriveEpochSecret(primitives, node, epoch)
  return readingOf(primitives, epochSecret, epoch)
}

/** What leaves of an epoch that is over: its signing and delegation keys are wiped, the rest goes over to the result. */
export function retireEpoch({ delegation, signing, ...rest }: EpochSecrets): ReadingSecrets {
  signing[Symbol.dispose]()
  delegation[Symbol.dispose]()
  const { encryption, epoch, labels, sealing, storage } = rest
  return { epoch, encryption, sealing, storage, labels, [Symbol.dispose]: rest[Symbol.dispose] }
}

/** What one epoch's secrets come from, 32 bytes; says nothing about s(node) or any other epoch. The caller's. */
export function deriveEpochSecret(primitives: Primitives, node: Secret, epoch: Epoch): Secret {
  return derive(primitives, node, ["keygrove/v1/epoch", epoch])
}

function readingOf(primitives: Primitives, epochSecret: Secret, epoch: Epoch): ReadingSecrets {
  using partial = new DisposableStack()
  const key = (purpose: string): Secret => partial.use(derive(primitives, epochSecret, [`keygrove/v1/${purpose}`]))
  const secrets = {
    epoch,
    encryption: partial.use(deriveScalar(primitives, epochSecret, ["keygrove/v1/encryption"])),
    sealing: key("sealing"),
    storage: key("storage"),
    labels: key("labels"),
  }
  const owned = partial.move()
  return { ...secrets, [Symbol.dispose]: () => owned.dispose() }
}

/** What guards a node's named keys: the same in every epoch, since they outlive rekeying. Disposing of the bundle wipes all of it. */
export interface VaultSecrets extends Disposable {
  /** AEAD key under which their secrets are stored. */
  readonly sealing: Secret
  /** Authenticates their public side and the audit trail. */
  readonly authentication: Secret
  /** Named keys that come from the node secret derive from it. */
  readonly derivation: Secret
}

/** The secrets of a node's vault from s(node). */
export function deriveVault(primitives: Primitives, node: Secret): VaultSecrets {
  using vault = derive(primitives, node, ["keygrove/v1/vault"])
  using partial = new DisposableStack()
  const key = (purpose: string): Secret => partial.use(derive(primitives, vault, [`keygrove/v1/vault-${purpose}`]))
  const secrets = { sealing: key("sealing"), authentication: key("authentication"), derivation: key("derivation") }
  const owned = partial.move()
  return { ...secrets, [Symbol.dispose]: () => owned.dispose() }
}

/** The public keys of an epoch. */
export function epochKeys(primitives: Primitives, secrets: EpochSecrets): EpochKeys {
  const { curve, ed25519, x25519 } = primitives
  return {
    epoch: secrets.epoch,
    signingKey: ed25519.publicKey(secrets.signing),
    encryptionKey: curve.encodePoint(curve.basePointTimesSecret(secrets.encryption)),
    sealingKey: x25519.publicKey(secrets.sealing),
    delegationKey: curve.encodePoint(curve.basePointTimesSecret(secrets.delegation)),
  }
}

/** The label's secp256k1 scalar. `label` has passed `decodeLabel` of core/reencryption. */
export function labelSecret(primitives: Primitives, labels: Secret, label: string): Secret {
  return deriveScalar(primitives, labels, ["keygrove/v1/label", label])
}

/** A cluster's id: the fingerprint of its root's anchor (32 bytes). */
export function clusterIdOf(primitives: Pick<Primitives, "sha256">, rootAnchorKey: Uint8Array): ClusterId {
  return unwrap(decodeClusterId(toHex(primitives.sha256(encodeInfo(["keygrove/v1/cluster", rootAnchorKey])))))
}

function derive(primitives: Primitives, secret: Secret, info: KeyInfo): Secret {
  return deriveKey(primitives, secret, info, SECRET_BYTES)
}
