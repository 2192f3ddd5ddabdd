import { brandShape, bytesShape, bytesWithinShape, type CborValue, type Result, type Shape } from "@keygrove/base"
import { clusterBytes, decodeClusterBytes, decodeNodePath } from "@keygrove/hierarchy"
import { decodePieceIndex, type PieceIndex } from "@keygrove/pieces"
import type { DelegatedUnlocking, LockedKeystore, PieceUnlocking } from "@keygrove/service"
import * as v from "valibot"
import { MAX_UNLOCKING_PIECES } from "../locked-engine.ts"
import { delegatedStartShape, delegatedStartValue, delegatedUnlockingShape } from "./delegation-messages.ts"
import { bootKeysShape, sharingShape, slotsShape } from "./piece-messages.ts"
import { checkValue, decodeFrame, requestShapeOf, type FrameOf } from "./request-frames.ts"
import { bootKeysValue, sharingValue, slotsValue } from "./piece-values.ts"

/** What a keystore that is locked tells the daemon first. */
export type LockedGreeting = Pick<LockedKeystore, "bootKeys" | "delegatedStart" | "freshSealingKey" | "node" | "slots">

/** What the daemon may ask then. */
export interface LockedRequests {
  readonly "boot.sign": { readonly purpose: "handshake" | "message"; readonly message: Uint8Array }
  readonly unlock: PieceUnlocking
  readonly "unlock.delegated": DelegatedUnlocking
}

/** What comes back: of `unlock`, who lied; the greeting of the unlocked keystore follows it, and that of `unlock.delegated`. */
export interface LockedAnswers {
  readonly "boot.sign": Uint8Array
  readonly unlock: { readonly liars: readonly PieceIndex[] }
  readonly "unlock.delegated": true
}

export type LockedMethod = keyof LockedRequests

/** One such request, still untyped inside. */
export type LockedRequest = FrameOf<LockedMethod>

const index = brandShape(decodePieceIndex)
const returnedPiece = v.strictObject({ index, holderSigningKey: bytesShape(32), sealed: bytesWithinShape(0, 1_024) })
const signing = v.strictObject({ purpose: v.picklist(["handshake", "message"]), message: bytesWithinShape(0, 262_144) })
const unlocking = v.strictObject({
  sharing: sharingShape,
  request: bytesShape(32),
  pieces: v.pipe(v.array(returnedPiece), v.maxLength(MAX_UNLOCKING_PIECES)),
})
const paramShapes: { readonly [M in LockedMethod]: Shape<LockedRequests[M]> } = {
  "boot.sign": signing,
  unlock: unlocking,
  "unlock.delegated": delegatedUnlockingShape,
}
const methods = ["boot.sign", "unlock", "unlock.delegated"] as const satisfies readonly LockedMethod[]
const requestShape = requestShapeOf<LockedMethod>(methods)
const greetingShape: Shape<LockedGreeting> = v.strictObject({
  node: v.strictObject({ cluster: brandShape(decodeClusterBytes), path: brandShape(decodeNodePath) }),
  bootKeys: bootKeysShape,
  freshSealingKey: bytesShape(32),
  slots: slotsShape,
  delegatedStart: v.exactOptional(delegatedStartShape),
})
const answerShapes: { readonly [M in LockedMethod]: Shape<LockedAnswers[M]> } = {
  "boot.sign": bytesShape(64),
  unlock: v.strictObject({ liars: v.pipe(v.array(index), v.maxLength(MAX_UNLOCKING_PIECES)) }),
  "unlock.delegated": v.literal(true),
}

/** Decodes the frame of a request to a keystore that is locked. */
export function decodeLockedRequest(frame: Uint8Array): Result<LockedRequest, "KEYSTORE_REQUEST_INVALID"> {
  return decodeFrame(frame, requestShape, "request to a locked keystore")
}

/** Decodes the parameters of a request to a keystore that is locked. */
export function decodeLockedParams<M extends LockedMethod>(
  method: M,
  params: CborValue,
): Result<LockedRequests[M], "KEYSTORE_REQUEST_INVALID"> {
  return checkValue<LockedRequests[M]>(params, paramShapes[method], `request ${method} to a locked keystore`)
}

/** Decodes the value of an answer of a keystore that is locked. */
export function decodeLockedValue<M extends LockedMethod>(
  method: M,
  value: CborValue,
): Result<LockedAnswers[M], "KEYSTORE_REQUEST_INVALID"> {
  return checkValue<LockedAnswers[M]>(value, answerShapes[method], `answer of a locked keystore to ${method}`)
}

/** The greeting of a keystore that is locked as it travels. */
export function lockedGreetingValue({ bootKeys, delegatedStart, freshSealingKey, node, slots }: LockedGreeting): CborValue {
  return {
    node: { cluster: clusterBytes(node.cluster), path: node.path },
    bootKeys: bootKeysValue(bootKeys),
    freshSealingKey,
    slots: slotsValue(slots),
    ...(delegatedStart === undefined ? {} : { delegatedStart: delegatedStartValue(delegatedStart) }),
  }
}

/** Strict inverse of {@link lockedGreetingValue}. */
export function decodeLockedGreeting(value: CborValue): Result<LockedGreeting, "KEYSTORE_REQUEST_INVALID"> {
  return checkValue(value, greetingShape, "greeting of a locked keystore")
}

/** What unlocks by a policy as it travels. */
export function delegatedUnlockingValue({ capsuleFragments, delegationKey }: DelegatedUnlocking): CborValue {
  return { capsuleFragments, delegationKey }
}

/** What unlocks by pieces as it travels. */
export function unlockingValue({ pieces, request, sharing }: PieceUnlocking): CborValue {
  const given = pieces.map((piece) => ({ index: piece.index, holderSigningKey: piece.holderSigningKey, sealed: piece.sealed }))
  return { sharing: sharingValue(sharing), request, pieces: given }
}
