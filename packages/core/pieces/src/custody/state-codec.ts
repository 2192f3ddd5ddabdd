import {
  brandShape,
  bytesShape,
  decodeShape,
  encodeCanonical,
  integerShape,
  ok,
  OrderedMap,
  refuse,
  type CborValue,
  type Refusal,
  type Result,
  type Shape,
} from "@keygrove/base"
import { compressedPointShape, decodeNodePath, MAX_COUNTER, type NodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import {
  decodeKeyGeneration,
  decodePieceIndex,
  majorityOf,
  piecesNeeded,
  MAX_CUSTODY_MEMBERS,
  MAX_KEY_GENERATION,
  MIN_CUSTODY_MEMBERS,
} from "../numbers.ts"
import { evidenceDemandShape, evidenceDemandValue } from "./evidence-demand.ts"
import { MAX_MEMBER_ADDRESS_CHARACTERS, MAX_MEMBER_ADDRESSES, MAX_OPEN_GENERATIONS } from "./limits.ts"
import { indexIn } from "./look-ups.ts"
import {
  thresholdOf,
  type CustodyMember,
  type CustodyState,
  type GenerationMember,
  type GenerationState,
  type RedistributionAttempt,
  type Sharing,
} from "./state.ts"

/** Longest encoded form in bytes: 17 generations of 255 members in which all have shared, and a cluster's nodes that left. */
export const MAX_CUSTODY_STATE_BYTES: number = 48 * 1024 * 1024

const counter = integerShape(0, Number.MAX_SAFE_INTEGER)
const path = brandShape(decodeNodePath)
const generation = brandShape(decodeKeyGeneration)
const countedFields = { path, since: counter }

const memberShape: Shape<CustodyMember> = v.strictObject({
  ...countedFields,
  revision: integerShape(1, MAX_COUNTER),
  bootSigningKey: bytesShape(32),
  bootSealingKey: bytesShape(32),
  unlock: v.picklist(["auto", "approve"]),
  evidence: v.exactOptional(evidenceDemandShape),
  addresses: v.pipe(v.array(v.pipe(v.string(), v.maxLength(MAX_MEMBER_ADDRESS_CHARACTERS))), v.maxLength(MAX_MEMBER_ADDRESSES)),
  wipedUpTo: integerShape(0, MAX_KEY_GENERATION),
})
const sharingShape: Shape<Sharing> = v.strictObject({
  owner: path,
  id: bytesShape(32),
  commitments: v.pipe(v.array(compressedPointShape()), v.maxLength(piecesNeeded(MAX_CUSTODY_MEMBERS))),
  held: v.pipe(v.array(brandShape(decodePieceIndex)), v.maxLength(MAX_CUSTODY_MEMBERS - 1)),
  at: counter,
  moved: v.exactOptional(v.strictObject({ from: generation, by: path })),
})
const attemptShape: Shape<RedistributionAttempt> = v.strictObject({
  owner: path,
  attempt: integerShape(1, MAX_COUNTER),
  from: generation,
  by: path,
})
const generationShape = v.strictObject({
  generation,
  startedAt: counter,
  startedBy: path,
  members: v.pipe(
    v.array<Shape<GenerationMember>>(v.strictObject(countedFields)),
    v.minLength(MIN_CUSTODY_MEMBERS),
    v.maxLength(MAX_CUSTODY_MEMBERS),
  ),
  completedAt: v.exactOptional(counter),
  sharings: v.pipe(v.array(sharingShape), v.maxLength(MAX_CUSTODY_MEMBERS)),
  attempts: v.pipe(v.array(attemptShape), v.maxLength(MAX_CUSTODY_MEMBERS)),
})
const shape = v.strictObject({
  members: v.pipe(v.array(memberShape), v.maxLength(MAX_CUSTODY_MEMBERS)),
  left: v.array(v.strictObject({ path, revision: integerShape(1, MAX_COUNTER) })),
  lastGeneration: integerShape(0, MAX_KEY_GENERATION),
  generations: v.pipe(v.array(generationShape), v.maxLength(MAX_OPEN_GENERATIONS + 1)),
})

/** Canonical CBOR of custody, for snapshots of a ledger's state. Equal states have equal bytes. */
export function encodeCustodyState({ generations, lastGeneration, left, members }: CustodyState): Uint8Array {
  return encodeCanonical({
    members: [...members.values()].map(({ evidence, ...member }) => ({
      ...member,
      ...(evidence === undefined ? {} : { evidence: evidenceDemandValue(evidence) }),
    })),
    left: [...left.entries()].map(([at, revision]) => ({ path: at, revision })),
    lastGeneration,
    generations: [...generations.values()].map(generationValue),
  })
}

function generationValue({ attempts, members, sharings, ...rest }: GenerationState): CborValue {
  return {
    ...rest,
    members: members.map((member) => ({ ...member })),
    sharings: [...sharings.values()].map(({ moved, ...sharing }) => ({
      ...sharing,
      ...(moved === undefined ? {} : { moved: { ...moved } }),
    })),
    attempts: [...attempts.values()].map((attempt) => ({ ...attempt })),
  }
}

/**
 * Strict inverse of {@link encodeCustodyState}; also refuses what no history of statements gives: names or numbers out of order, sharings of nobody who stands, pieces in nobody's hands, more or fewer
 * commitments than the generation needs, one that is starting and not the last.
 */
export function decodeCustodyState(bytes: Uint8Array): Result<CustodyState, "CUSTODY_STATE_INVALID"> {
  const rules = { shape, maxBytes: MAX_CUSTODY_STATE_BYTES, code: "CUSTODY_STATE_INVALID", noun: "custody" } as const
  const decoded = decodeShape(bytes, rules)
  if (!decoded.ok) return decoded
  const { generations, lastGeneration, left, members } = decoded.value
  const ordered = [members.map((each) => each.path), left.map((each) => each.path), generations.map((each) => each.generation)]
  if (!ordered.every(isAscending)) return invalid("members, nodes that left or generations are out of order")
  const state: CustodyState = {
    members: mapOf(members, (member) => member.path),
    left: left.reduce((map, each) => map.set(each.path, each.revision), OrderedMap.empty<NodePath, number>()),
    lastGeneration,
    generations: OrderedMap.empty(),
  }
  if (left.some((each) => state.members.has(each.path))) return invalid("a member has left")
  let restored = state.generations
  for (const { attempts, sharings, ...rest } of generations) {
    const each = { ...rest, sharings: mapOf(sharings, ({ owner }) => owner), attempts: mapOf(attempts, ({ owner }) => owner) }
    const isOrdered = [rest.members.map((member) => member.path), sharings.map(ownerOf), attempts.map(ownerOf)].every(isAscending)
    if (!isOrdered || !isSound(state, each)) return invalid(`generation ${rest.generation} contradicts itself or the members`)
    restored = restored.set(rest.generation, each)
  }
  return ok({ ...state, generations: restored })
}

/** Whether a generation can be as it is among the members that stand. */
function isSound(custody: CustodyState, generation: GenerationState): boolean {
  const { attempts, completedAt, generation: number, sharings } = generation
  const threshold = thresholdOf(generation)
  const isStarting = completedAt === undefined
  const indices = new Map(generation.members.map(({ path: member }) => [member, indexIn(custody, generation, member)]))
  const standing = new Set<number | undefined>(indices.values())
  for (const { commitments, held, moved, owner } of sharings.values()) {
    const own = indices.get(owner)
    const areHeld = held.every((index) => standing.has(index) && index !== own && !wiped(custody, generation, index))
    const cannotBeMoved = moved !== undefined && (isStarting || moved.from >= number)
    if (own === undefined || cannotBeMoved || !areHeld || !isAscending(held) || commitments.length !== threshold) return false
  }
  for (const { from, owner } of attempts.values())
    if (isStarting || sharings.has(owner) || indices.get(owner) === undefined || from >= number) return false
  return isStarting
    ? number === custody.lastGeneration && sharings.size < majorityOf(generation.members.length)
    : number <= custody.lastGeneration
}

function wiped(custody: CustodyState, { generation: number, members }: GenerationState, index: number): boolean {
  const holder = members[index - 1]
  return holder === undefined || (custody.members.get(holder.path)?.wipedUpTo ?? 0) >= number
}

function mapOf<V>(values: readonly V[], keyOf: (value: V) => NodePath): OrderedMap<NodePath, V> {
  return values.reduce((map, value) => map.set(keyOf(value), value), OrderedMap.empty<NodePath, V>())
}

function ownerOf({ owner }: { readonly owner: NodePath }): NodePath {
  return owner
}

function isAscending(keys: readonly (string | number)[]): boolean {
  return keys.every((key, place) => place === 0 || (keys[place - 1] ?? key) < key)
}

function invalid(why: string): Refusal<"CUSTODY_STATE_INVALID"> {
  return refuse("CUSTODY_STATE_INVALID", `custody: ${why}; get another snapshot, or read the ledger from its beginning`)
}
