import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  encodeCanonical,
  integerShape,
  ok,
  refuse,
  type CborValue,
  type RefusalData,
  type Result,
  type Shape,
} from "@keygrove/base"
import { compressedPointShape, decodeClusterBytes, decodeEpoch, decodeGeneration, decodeNodePath, clusterBytes } from "@keygrove/hierarchy"
import type {
  FragmentAcceptance,
  FragmentOrder,
  Keystore,
  LabelKeyName,
  NodeIdentity,
  OriginalOpening,
  PendingRekey,
  PreparedRekey,
  ReencryptedOpening,
  ReencryptionOrder,
  RekeyExchange,
  SealedFragment,
  SigningPurpose,
} from "@keygrove/service"
import * as v from "valibot"
import { MAX_PREDECESSORS } from "../node-record.ts"
import { keyAnswerShapes, keyRequestShapes, type KeyAnswers, type KeyRequests } from "./key-messages.ts"
import type { LockedMethod } from "./locked-messages.ts"
import { delegationAnswerShapes, delegationRequestShapes, type DelegationAnswers, type DelegationRequests } from "./delegation-messages.ts"
import { anyValue, checkValue, decodeFrame, requestShapeOf, type FrameOf } from "./request-frames.ts"
import { pieceAnswerShapes, pieceRequestShapes, type PieceAnswers, type PieceRequests } from "./piece-messages.ts"

/** What the daemon may ask, by method. */
export interface KeystoreRequests extends DelegationRequests, KeyRequests, PieceRequests {
  readonly sign: { readonly purpose: SigningPurpose; readonly message: Uint8Array }
  readonly labelPublicKey: LabelKeyName
  readonly openOriginal: OriginalOpening
  readonly generateFragments: FragmentOrder
  readonly acceptFragment: FragmentAcceptance
  readonly reencrypt: ReencryptionOrder
  readonly openReencrypted: ReencryptedOpening
  readonly beginRekey: Readonly<Record<never, never>>
  readonly acceptRekey: PreparedRekey
  readonly finishRekey: Readonly<Record<never, never>>
  readonly lock: Readonly<Record<never, never>>
}

/** What comes back. */
export interface KeystoreAnswers extends DelegationAnswers, KeyAnswers, PieceAnswers {
  readonly sign: Uint8Array
  readonly labelPublicKey: Uint8Array
  readonly openOriginal: Uint8Array
  readonly generateFragments: readonly SealedFragment[]
  readonly acceptFragment: { readonly stored: Uint8Array; readonly digest: Uint8Array }
  readonly reencrypt: Uint8Array
  readonly openReencrypted: Uint8Array
  readonly beginRekey: RekeyExchange
  readonly acceptRekey: PendingRekey
  readonly finishRekey: NodeIdentity
  readonly lock: true
}

export type KeystoreMethod = keyof KeystoreRequests

const bytes = bytesWithinShape(0, 262_144)
const label = v.pipe(v.string(), v.maxLength(512))
const epoch = brandShape(decodeEpoch)
const cluster = brandShape(decodeClusterBytes)
/** Of the fields that name a label's key. */
const labelKeyName = { cluster: v.exactOptional(cluster), label, epoch }
const recipient = v.strictObject({ signingKey: bytesShape(32), sealingKey: bytesShape(32) })

const requestShapes: { readonly [M in KeystoreMethod]: Shape<KeystoreRequests[M]> } = {
  ...keyRequestShapes,
  ...pieceRequestShapes,
  ...delegationRequestShapes,
  sign: v.strictObject({ purpose: v.picklist(["handshake", "statement", "message"]), message: bytes }),
  labelPublicKey: v.strictObject(labelKeyName),
  openOriginal: v.strictObject({ ...labelKeyName, capsule: bytes, headerDigest: bytesShape(32), recipientKey: bytesShape(32) }),
  generateFragments: v.strictObject({
    ...labelKeyName,
    policyId: bytesShape(32),
    readerKey: bytesShape(33),
    threshold: integerShape(0, 255),
    recipients: v.pipe(v.array(recipient), v.maxLength(255)),
  }),
  acceptFragment: v.strictObject({
    policyId: bytesShape(32),
    sealed: bytes,
    ownerSigningKey: bytesShape(32),
    delegationKey: bytesShape(33),
    labelKey: bytesShape(33),
    readerKey: bytesShape(33),
  }),
  reencrypt: v.strictObject({ policyId: bytesShape(32), stored: bytes, capsule: bytes }),
  openReencrypted: v.strictObject({
    capsule: bytes,
    capsuleFragments: v.pipe(v.array(bytes), v.maxLength(255)),
    labelKey: bytesShape(33),
    delegationKey: bytesShape(33),
    readerKey: bytesShape(33),
    headerDigest: bytesShape(32),
    recipientKey: bytesShape(32),
  }),
  beginRekey: v.strictObject({}),
  acceptRekey: v.strictObject({ entry: bytes, sealed: bytes }),
  finishRekey: v.strictObject({}),
  lock: v.strictObject({}),
}

const epochKeysShape = v.strictObject({
  epoch,
  signingKey: bytesShape(32),
  encryptionKey: bytesShape(33),
  sealingKey: bytesShape(32),
  delegationKey: bytesShape(33),
})
const place = { cluster, path: brandShape(decodeNodePath), generation: brandShape(decodeGeneration) }
const identityShape = v.strictObject({
  ...place,
  anchorKey: bytesShape(32),
  keys: epochKeysShape,
  predecessors: v.pipe(v.array(v.strictObject({ ...place, epoch })), v.maxLength(MAX_PREDECESSORS)),
})
const pendingRekeyShape = v.strictObject({ keys: epochKeysShape, entry: bytes })
const greetingShape = v.strictObject({ identity: identityShape, pendingRekey: v.nullable(pendingRekeyShape) })

const sealedFragment = v.strictObject({ sealed: bytes, digest: bytesShape(32) })

const answerShapes: { readonly [M in KeystoreMethod]: Shape<KeystoreAnswers[M]> } = {
  ...keyAnswerShapes,
  ...pieceAnswerShapes,
  ...delegationAnswerShapes,
  sign: bytesShape(64),
  labelPublicKey: compressedPointShape(),
  openOriginal: bytesShape(80),
  generateFragments: v.pipe(v.array(sealedFragment), v.maxLength(255)),
  acceptFragment: v.strictObject({ stored: bytes, digest: bytesShape(32) }),
  reencrypt: bytesShape(381),
  openReencrypted: bytesShape(80),
  beginRekey: v.strictObject({ exchangeKey: bytesShape(32), signature: bytesShape(64) }),
  acceptRekey: pendingRekeyShape,
  finishRekey: identityShape,
  lock: v.literal(true),
}

/** One request, still untyped inside. */
export type RequestFrame = FrameOf<KeystoreMethod>

const methodNames = Object.keys(requestShapes).filter((name): name is KeystoreMethod => Object.hasOwn(requestShapes, name))
const requestShape = requestShapeOf(methodNames)
const failureShape = v.strictObject({
  code: v.pipe(v.string(), v.maxLength(64)),
  message: v.pipe(v.string(), v.maxLength(1_024)),
  data: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
})
const answerShape = v.union([
  v.strictObject({ id: integerShape(0, Number.MAX_SAFE_INTEGER), value: anyValue }),
  v.strictObject({ id: integerShape(0, Number.MAX_SAFE_INTEGER), failure: failureShape }),
])
/** Encodes a request. */
export function encodeRequest(id: number, method: KeystoreMethod | LockedMethod, params: CborValue): Uint8Array {
  return encodeCanonical({ id, method, params })
}

/** Decodes the frame of a request; its parameters are decoded by {@link decodeParams}. */
export function decodeRequest(frame: Uint8Array): Result<RequestFrame, "KEYSTORE_REQUEST_INVALID"> {
  return decodeFrame(frame, requestShape, "keystore request")
}

/** Decodes the parameters of a method. */
export function decodeParams<M extends KeystoreMethod>(
  method: M,
  params: CborValue,
): Result<KeystoreRequests[M], "KEYSTORE_REQUEST_INVALID"> {
  return checkValue<KeystoreRequests[M]>(params, requestShapes[method], `keystore request ${method}`)
}

/** Encodes an answer; id 0 is the greeting that follows unlocking. */
export function encodeAnswer(id: number, answer: Result<CborValue>): Uint8Array {
  if (answer.ok) return encodeCanonical({ id, value: answer.value })
  return encodeCanonical({ id, failure: { code: answer.code, message: answer.message.slice(0, 1_024), data: answer.data ?? {} } })
}

/** Decodes an answer. */
export function decodeAnswer(
  frame: Uint8Array,
): Result<{ readonly id: number; readonly answer: Result<CborValue> }, "KEYSTORE_REQUEST_INVALID"> {
  const checked = decodeFrame(frame, answerShape, "keystore answer")
  if (!checked.ok) return checked
  const { id } = checked.value
  if ("value" in checked.value) return ok({ id, answer: ok(checked.value.value) })
  const { code, message, data } = checked.value.failure
  return ok({ id, answer: refuse(code, message, data satisfies RefusalData) })
}

/** Decodes the value of a method's answer. */
export function decodeValue<M extends KeystoreMethod>(method: M, value: CborValue): Result<KeystoreAnswers[M], "KEYSTORE_REQUEST_INVALID"> {
  return checkValue<KeystoreAnswers[M]>(value, answerShapes[method], `keystore answer to ${method}`)
}

/** The identity as it travels. */
export function identityValue(identity: NodeIdentity): CborValue {
  const { anchorKey, generation, keys, path, predecessors } = identity
  const older = predecessors.map((each) => ({ ...each, cluster: clusterBytes(each.cluster) }))
  return { cluster: clusterBytes(identity.cluster), path, generation, anchorKey, keys: { ...keys }, predecessors: older }
}

/** The name of a label's key as it travels, with what else is asked. */
export function labelKeyValue({ cluster: owner, epoch: number, label: name }: LabelKeyName): Readonly<Record<string, CborValue>> {
  return { label: name, epoch: number, ...(owner === undefined ? {} : { cluster: clusterBytes(owner) }) }
}

/** Strict inverse of {@link identityValue}. */
export function decodeIdentityValue(value: CborValue): Result<NodeIdentity, "KEYSTORE_REQUEST_INVALID"> {
  return checkValue(value, identityShape, "node identity")
}

/** A prepared epoch as it travels. */
export function pendingRekeyValue({ entry, keys }: PendingRekey): CborValue {
  return { keys: { ...keys }, entry }
}

/** What an unlocked keystore tells the daemon first. */
export interface Greeting {
  readonly identity: NodeIdentity
  readonly pendingRekey: PendingRekey | null
}

/** The greeting of a keystore as it travels. */
export function greetingValue(keystore: Pick<Keystore, "identity" | "pendingRekey">): CborValue {
  const pending = keystore.pendingRekey()
  return { identity: identityValue(keystore.identity()), pendingRekey: pending === undefined ? null : pendingRekeyValue(pending) }
}

/** Strict inverse of {@link greetingValue}. */
export function decodeGreetingValue(value: CborValue): Result<Greeting, "KEYSTORE_REQUEST_INVALID"> {
  return checkValue(value, greetingShape, "keystore greeting")
}
