import { unwrap, type RandomBytes, type Secret } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { decodeEpoch, type Epoch } from "@keygrove/hierarchy"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import type { CallOptions } from "./call-options.ts"
import type {
  FragmentAcceptance,
  FragmentOrder,
  Keystore,
  OriginalOpening,
  PreparedRekey,
  ReencryptedOpening,
  RekeyExchange,
  SealedFragment,
} from "./keystore.ts"
import type { Sealing } from "./sealing.ts"

/** How a suite gets its keystores, and what it computes the other side with. */
export interface KeystoreSubject {
  /** An unlocked keystore of a new node. */
  open(): Promise<Keystore>
  /** Two of another new node: as it was in epoch 1, and as it is in epoch 3. */
  openBeforeAndAfter(): Promise<BeforeAndAfter>
  /** One of another new node, and its person. */
  openToRekey(): Promise<Rekeying>
  /** Two of another new node: as it was below a root that was replaced, and as it is below the new one. */
  openMoved(): Promise<BeforeAndAfter>
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly random: RandomBytes
}

/** One node at two times. */
export interface BeforeAndAfter {
  readonly before: Keystore
  readonly after: Keystore
}

/** A keystore in epoch 1, and what the ceremony of its node does. */
export interface Rekeying {
  readonly keystore: Keystore
  /** Prepares the next epoch for the keystore that began this exchange, durably. */
  prepare(exchange: RekeyExchange): Promise<PreparedRekey>
  /** The keystore as it starts after the last {@link Rekeying.prepare}; the caller's. */
  reopen(): Promise<Keystore>
}

/** Never fires. */
export const signal: AbortSignal = new AbortController().signal
export const call: CallOptions = { signal }
export const INVALID: Readonly<Record<string, unknown>> = { ok: false, code: "KEYSTORE_REQUEST_INVALID" }
export const label: string = "photos/2026"
export const policyId: Uint8Array = new Uint8Array(32).fill(9)
export const headerDigest: Uint8Array = new Uint8Array(32).fill(8)
export const nextEpoch: Epoch = epochOf(2)

/** What the suite works with: an owner, two proxies and a reader, a capsule of the owner's, and who asks for its key. */
export interface Cast extends AsyncDisposable {
  readonly owner: Keystore
  readonly proxies: readonly [Keystore, Keystore]
  readonly reader: Keystore
  readonly labelKey: Uint8Array
  readonly capsule: Uint8Array
  readonly fileKey: Secret
  readonly recipient: { readonly secretKey: Secret; readonly publicKey: Uint8Array }
}

export async function assemble({ open, primitives, random, sealing }: KeystoreSubject): Promise<Cast> {
  await using opened = new AsyncDisposableStack()
  const [owner, first, second, reader] = [
    opened.use(await open()),
    opened.use(await open()),
    opened.use(await open()),
    opened.use(await open()),
  ]
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random })
  const labelKey = unwrap(await owner.labelPublicKey({ label, epoch: owner.identity().keys.epoch }, call))
  const made = umbral.encapsulate(unwrap(primitives.curve.decodePoint(labelKey)))
  using keySeed = made.keySeed
  const fileKey = opened.use(deriveFileKey(primitives, keySeed, headerDigest))
  const recipient = await sealing.generateKeyPair()
  const owned = opened.move()
  return {
    owner,
    proxies: [first, second],
    reader,
    labelKey,
    capsule: umbral.encodeCapsule(made.capsule),
    fileKey,
    recipient,
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

export function orderOf({ owner, proxies, reader }: Cast, changes: Partial<FragmentOrder> = {}): FragmentOrder {
  const recipients = proxies.map((proxy) => proxy.identity().keys)
  const { encryptionKey } = reader.identity().keys
  return { label, epoch: owner.identity().keys.epoch, policyId, readerKey: encryptionKey, threshold: 2, recipients, ...changes }
}

export function acceptanceOf(cast: Cast, sealed: Uint8Array, changes: Partial<FragmentAcceptance> = {}): FragmentAcceptance {
  const { delegationKey, signingKey } = cast.owner.identity().keys
  const readerKey = cast.reader.identity().keys.encryptionKey
  return { policyId, sealed, ownerSigningKey: signingKey, delegationKey, labelKey: cast.labelKey, readerKey, ...changes }
}

export function originalOf(cast: Cast, changes: Partial<OriginalOpening> = {}): OriginalOpening {
  const { epoch } = cast.owner.identity().keys
  return { label, epoch, capsule: cast.capsule, headerDigest, recipientKey: cast.recipient.publicKey, ...changes }
}

export function openingOf(
  cast: Cast,
  capsuleFragments: readonly Uint8Array[],
  changes: Partial<ReencryptedOpening> = {},
): ReencryptedOpening {
  const { delegationKey } = cast.owner.identity().keys
  const readerKey = cast.reader.identity().keys.encryptionKey
  const { capsule, labelKey, recipient } = cast
  return { capsule, capsuleFragments, labelKey, delegationKey, readerKey, headerDigest, recipientKey: recipient.publicKey, ...changes }
}

/** One fragment for each proxy. */
export async function fragmentsOf(cast: Cast, changes: Partial<FragmentOrder> = {}): Promise<readonly [SealedFragment, SealedFragment]> {
  const [first, second] = unwrap(await cast.owner.generateFragments(orderOf(cast, changes), call))
  if (first === undefined || second === undefined) throw new TypeError("fewer fragments than recipients")
  return [first, second]
}

/** What each proxy answers for the cast's capsule. */
export async function answersOf(cast: Cast, changes: Partial<FragmentOrder> = {}): Promise<readonly [Uint8Array, Uint8Array]> {
  const fragments = await fragmentsOf(cast, changes)
  const answer = async (index: 0 | 1): Promise<Uint8Array> => {
    const { stored } = unwrap(await cast.proxies[index].acceptFragment(acceptanceOf(cast, fragments[index].sealed), call))
    return unwrap(await cast.proxies[index].reencrypt({ policyId, stored, capsule: cast.capsule }, call))
  }
  return [await answer(0), await answer(1)]
}

export const changed = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

export function messageOf(number: number): Uint8Array {
  return encodeInfo(["keygrove/v1/request", number])
}

export function epochOf(number: number): Epoch {
  return unwrap(decodeEpoch(number))
}
