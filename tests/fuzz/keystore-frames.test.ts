import { encodeCanonical, type CborValue } from "@keygrove/base"
import { encodeFrame, FrameDecoder, FrameTooLarge, MAX_FRAME_BYTES } from "@keygrove/keystore"
import { encode } from "cborg"
import { describe, expect, test } from "vitest"
import {
  decodeAnswer,
  decodeIdentityValue,
  decodeParams,
  decodeRequest,
  decodeValue,
  type KeystoreMethod,
} from "../../packages/adapters/keystore/src/ipc/messages.ts"
import {
  decodeLockedGreeting,
  decodeLockedParams,
  decodeLockedRequest,
  decodeLockedValue,
} from "../../packages/adapters/keystore/src/ipc/locked-messages.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { entrySample, greetingSample, identitySample, lockedGreetingSample, lockedSamples, methodSamples } from "./keystore-messages.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree, type Tree } from "./mutate-tree.ts"

const methods = Object.keys(methodSamples)

const requestOf = (method: string): CborValue => ({ id: 7, method, params: methodSamples[method]?.params ?? null })
const answerOf = (method: string): CborValue => ({ id: 7, value: methodSamples[method]?.value ?? null })
const failure: CborValue = {
  id: 7,
  failure: { code: "KEY_UNKNOWN", message: "the keystore has no key a", data: { index: 1, a: "b", c: true } },
}

/** One value as bytes: changed as a value, as bytes, both, or not a message at all. Not always canonical. */
function encoded(tree: Tree, roll: Dice): Uint8Array {
  if (roll(16) === 0) return randomBytesOf(roll)
  const bytes = encodeLoosely(roll(3) === 0 ? tree : mutateTree(tree, roll))
  return roll(2) === 0 ? bytes : mutateBytes(bytes, roll)
}

function encodeLoosely(tree: Tree): Uint8Array {
  return encode(tree, { float64: false })
}

/** A decoder answers; and what it accepts it would write the same way. */
function expectCanonical(result: { readonly ok: boolean }, bytes: Uint8Array, value: unknown): boolean {
  if (result.ok && value !== undefined) expect(Buffer.from(encodeCanonical(value as CborValue)).equals(bytes)).toBe(true)
  return result.ok
}

describe("the samples", () => {
  test.each(methods)("of %s are accepted, so that what is tried is nearly right", (name) => {
    const request = decodeRequest(encodeCanonical(requestOf(name)))
    if (!request.ok) throw new Error(request.message)
    expect(decodeParams(request.value.method, request.value.params)).toMatchObject({ ok: true })
    expect(decodeValue(request.value.method, methodSamples[name]?.value ?? null)).toMatchObject({ ok: true })
  })

  test("name every method", () => {
    const unknown = decodeRequest(encodeCanonical({ id: 1, method: "none", params: {} }))
    const known = unknown.ok ? [] : [...unknown.message.matchAll(/"([A-Za-z.]+)"/g)].map(([, name]) => name)
    expect(new Set(known)).toEqual(new Set(methods))
    expect(decodeIdentityValue(identitySample)).toMatchObject({ ok: true })
    expect(decodeAnswer(encodeCanonical(failure))).toMatchObject({ ok: true })
  })
})

test("requests of a broken daemon are decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const accepted = { frames: 0, params: 0 }
  await fuzz({
    name: "requests",
    share: 16,
    once: (roll) => {
      const bytes = encoded(requestOf(pick(roll, methods)), roll)
      const request = decodeRequest(bytes)
      if (!expectCanonical(request, bytes, request.ok ? request.value : undefined) || !request.ok) return
      accepted.frames++
      if (decodeParams(request.value.method, request.value.params).ok) accepted.params++
    },
  })
  expect(accepted.params).toBeGreaterThan(0)
  expect(accepted.frames).toBeGreaterThan(accepted.params)
})

test("answers of a broken keystore are decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  let accepted = 0
  await fuzz({
    name: "answers",
    share: 14,
    once: (roll) => {
      const method = pick(roll, methods)
      const bytes = encoded(pick(roll, [answerOf(method), answerOf(method), failure, { id: 0, value: greetingSample }]), roll)
      const message = decodeAnswer(bytes)
      if (!message.ok || !message.value.answer.ok) return
      const { value } = message.value.answer
      accepted++
      // As the client does with the methods it has asked for, whatever comes back.
      decodeValue(methodNamed(roll(8) === 0 ? pick(roll, methods) : method), value)
      decodeIdentityValue(value)
    },
  })
  expect(accepted).toBeGreaterThan(0)
})

test("requests to a locked keystore, and its answers, are decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const accepted = { params: 0, values: 0, greetings: 0 }
  await fuzz({
    name: "locked",
    share: 4,
    once: (roll) => {
      const method = pick(roll, ["boot.sign", "unlock"] as const)
      const { params, value } = lockedSamples[method]
      const bytes = encoded({ id: 7, method, params }, roll)
      const request = decodeLockedRequest(bytes)
      if (request.ok && decodeLockedParams(request.value.method, request.value.params).ok) accepted.params++
      const answer = decodeAnswer(encoded({ id: 7, value: roll(3) === 0 ? lockedGreetingSample : value }, roll))
      if (!answer.ok || !answer.value.answer.ok) return
      if (decodeLockedValue(method, answer.value.answer.value).ok) accepted.values++
      if (decodeLockedGreeting(answer.value.answer.value).ok) accepted.greetings++
    },
  })
  for (const count of Object.values(accepted)) expect(count).toBeGreaterThan(0)
})

test("streams of frames are cut where they should be, however they arrive", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const tail = encodeLoosely(entrySample)
  await fuzz({
    name: "frames",
    share: 8,
    once: (roll) => {
      const bodies = Array.from({ length: roll(4) }, () => randomBytesOf(roll))
      const honest = Buffer.concat([
        ...bodies.map(encodeFrame),
        ...(roll(2) === 0 ? [] : [encodeFrame(tail).subarray(0, roll(tail.length))]),
      ])
      const isHonest = roll(2) === 0
      const stream = isHonest ? honest : mutateBytes(honest, roll)
      const frames = framesOf(stream, roll)
      if (isHonest) expect(frames.slice(0, bodies.length).map(hex)).toEqual(bodies.map(hex))
      for (const frame of frames) expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    },
  })
})

function framesOf(stream: Uint8Array, roll: Dice): readonly Uint8Array[] {
  const decoder = new FrameDecoder()
  const frames: Uint8Array[] = []
  try {
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + roll(60)
      // A socket gives buffers, and may use them again.
      const chunk = Buffer.from(stream.subarray(at, end))
      frames.push(...decoder.push(chunk))
      chunk.fill(0xee)
      at = end
    }
  } catch (error) {
    expect(error).toBeInstanceOf(FrameTooLarge)
  }
  return frames
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}

function methodNamed(name: string): KeystoreMethod {
  const request = decodeRequest(encodeCanonical({ id: 1, method: name, params: {} }))
  if (!request.ok) throw new RangeError(`there is no method ${name}`)
  return request.value.method
}
