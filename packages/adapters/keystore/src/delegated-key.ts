import {
  brandShape,
  bytesShape,
  decodeShape,
  encodeCanonical,
  ok,
  refuse,
  type Refusal,
  type Result,
  type Secret,
  type Shape,
} from "@keygrove/base"
import { deriveKey, encodeInfo, type KeyInfo } from "@keygrove/crypto"
import {
  clusterBytes,
  compressedPointShape,
  decodeClusterBytes,
  decodeEpoch,
  decodeNodePath,
  type ClusterId,
  type NodePath,
} from "@keygrove/hierarchy"
import { CAPSULE_BYTES, createUmbral, decodeLabel, type LabelCard } from "@keygrove/reencryption"
import type { DelegatedStart, DelegatedUnlocking, KeystoreRefusal } from "@keygrove/service"
import * as v from "valibot"
import { combineCapsuleFragments } from "./capsule-fragments.ts"
import type { KeystoreTools } from "./engine.ts"
import { openBox, sealBox } from "./sealed-box.ts"

/** A storage key that is sealed to a label, as it lies in the store. */
export interface StoredDelegation {
  /** Canonical CBOR of what everybody may know: {@link encodeOpen}. */
  readonly open: Uint8Array
  /** The storage key under what the capsule holds, 72 bytes. */
  readonly sealed: Uint8Array
}

/** Public part of a {@link StoredDelegation}, with the public key of the storage key. A claim, until the storage key has been opened. */
interface DelegationRecord extends DelegatedStart {
  readonly publicKey: Uint8Array
}

interface OpenFields extends Omit<DelegationRecord, "owner"> {
  readonly version: 1
  readonly cluster: ClusterId
  readonly path: NodePath
}

const MAX_OPEN_BYTES = 1_024

const shape: Shape<OpenFields> = v.strictObject({
  version: v.literal(1),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  label: brandShape(decodeLabel),
  epoch: brandShape(decodeEpoch),
  labelKey: compressedPointShape(),
  capsule: bytesShape(CAPSULE_BYTES),
  publicKey: compressedPointShape(),
})

/** A storage key in its place: its store, and its public key. The key is borrowed. */
interface PlacedKey {
  /** 32 bytes. */
  readonly storeId: Uint8Array
  readonly publicKey: Uint8Array
  readonly storageKey: Secret
}

/** Seals a storage key to a label, bound to its store and to all that is said of it in the open. Refuses a label key that is not a point. */
export function sealToLabel(
  tools: KeystoreTools,
  card: LabelCard,
  { publicKey, storageKey, storeId }: PlacedKey,
): Result<StoredDelegation & { readonly start: DelegatedStart }, "KEYSTORE_REQUEST_INVALID"> {
  const { curve, sha256 } = tools.primitives
  const delegatingKey = curve.decodePoint(card.labelKey)
  if (!delegatingKey.ok)
    return refuse("KEYSTORE_REQUEST_INVALID", `the label's key: ${delegatingKey.message}; ask its owner for another card`)
  const umbral = createUmbral({ curve, sha256, random: tools.random })
  const { capsule, keySeed } = umbral.encapsulate(delegatingKey.value)
  using seed = keySeed
  const { epoch, label, labelKey, owner } = card
  const start = { owner, label, epoch, labelKey, capsule: umbral.encodeCapsule(capsule) }
  const open = encodeOpen({ ...start, publicKey })
  using key = sealingKey(tools, seed, storeId, open)
  return ok({ start, open, sealed: sealBox(tools, key, storageKey, encodeInfo(placeOf(storeId, open))) })
}

/** Opens a storage key as the reader whose secret this is, with capsule fragments of one policy; the caller's. All is borrowed. */
export function openAsReader(
  tools: KeystoreTools,
  { receivingKey, storeId }: { readonly receivingKey: Secret; readonly storeId: Uint8Array },
  stored: StoredDelegation,
  order: DelegatedUnlocking,
): Result<
  { readonly storageKey: Secret; readonly publicKey: Uint8Array },
  KeystoreRefusal | "DELEGATED_START_INVALID" | "KEYSTORE_RECORD_CORRUPT"
> {
  const record = decodeOpen(stored.open)
  if (!record.ok) return record
  const { capsule, labelKey, publicKey } = record.value
  const combined = combineCapsuleFragments(tools, { ...order, capsule, labelKey }, receivingKey)
  if (!combined.ok) return combined
  using seed = combined.value
  using key = sealingKey(tools, seed, storeId, stored.open)
  const storageKey = openBox(tools, key, stored.sealed, encodeInfo(placeOf(storeId, stored.open)))
  return storageKey === undefined ? invalid() : ok({ storageKey, publicKey })
}

/** What everybody may know of what lies in a store; `undefined` when nothing does. */
export function startOf(stored: StoredDelegation | undefined): Result<DelegatedStart | undefined, "KEYSTORE_RECORD_CORRUPT"> {
  if (stored === undefined) return ok(undefined)
  const record = decodeOpen(stored.open)
  if (!record.ok) return record
  const { publicKey: _slot, ...start } = record.value
  return ok(start)
}

/** Strict decoder of the public part. */
function decodeOpen(open: Uint8Array): Result<DelegationRecord, "KEYSTORE_RECORD_CORRUPT"> {
  const decoded = decodeShape(open, {
    shape,
    maxBytes: MAX_OPEN_BYTES,
    code: "KEYSTORE_RECORD_CORRUPT",
    noun: "record of a delegated start",
  })
  if (!decoded.ok) return decoded
  const { version: _version, cluster, path, ...rest } = decoded.value
  return ok({ owner: { cluster, path }, ...rest })
}

function encodeOpen({ capsule, epoch, label, labelKey, owner, publicKey }: DelegationRecord): Uint8Array {
  return encodeCanonical({ version: 1, cluster: clusterBytes(owner.cluster), path: owner.path, label, epoch, labelKey, capsule, publicKey })
}

function sealingKey(tools: KeystoreTools, seed: Secret, storeId: Uint8Array, open: Uint8Array): Secret {
  return deriveKey(tools.primitives, seed, placeOf(storeId, open), 32)
}

function placeOf(storeId: Uint8Array, open: Uint8Array): KeyInfo {
  return ["keygrove/v1/delegated-start", storeId, open]
}

function invalid(): Refusal<"DELEGATED_START_INVALID"> {
  return refuse(
    "DELEGATED_START_INVALID",
    "the fragments fit each other and do not open the storage key; start the node with its passphrase, and run `keygrove unlock delegate` again",
  )
}
