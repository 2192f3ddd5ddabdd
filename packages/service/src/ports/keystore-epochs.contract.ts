import { toHex, unwrap, utf8, type Result, type Secret } from "@keygrove/base"
import type { Epoch } from "@keygrove/hierarchy"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  acceptanceOf,
  answersOf,
  type BeforeAndAfter,
  call,
  type Cast,
  epochOf,
  fragmentsOf,
  headerDigest,
  INVALID,
  type KeystoreSubject,
  label,
  messageOf,
  openingOf,
  originalOf,
  policyId,
} from "./keystore-cast.contract.ts"
import type { Keystore } from "./keystore.ts"

/** What was made in earlier epochs of a node stays of use. */
export function earlierEpochs(subject: KeystoreSubject, shared: () => Cast): void {
  const { primitives, random, sealing } = subject
  let times: BeforeAndAfter
  beforeAll(async () => {
    times = await subject.openBeforeAndAfter()
  })
  afterAll(async () => {
    await times.before[Symbol.asyncDispose]()
    await times.after[Symbol.asyncDispose]()
  })
  const [first, second, third, fourth] = [epochOf(1), epochOf(2), epochOf(3), epochOf(4)]
  const opens = async (released: Result<Uint8Array>, fileKey: Secret): Promise<boolean> => {
    const { secretKey } = shared().recipient
    using key = unwrap(await sealing.open(secretKey, unwrap(released), { info: utf8("keygrove/v1/file-key-release") }))
    return key.equals(fileKey)
  }
  /** The cast with the node in some of the parts. */
  const castOf = async (parts: Partial<Cast>, epoch: Epoch): Promise<Cast> => {
    const cast = { ...shared(), ...parts }
    const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random })
    const labelKey = unwrap(await cast.owner.labelPublicKey({ label, epoch }, call))
    const { capsule, keySeed } = umbral.encapsulate(unwrap(primitives.curve.decodePoint(labelKey)))
    using seed = keySeed
    const fileKey = deriveFileKey(primitives, seed, headerDigest)
    return { ...cast, labelKey, capsule: umbral.encodeCapsule(capsule), fileKey }
  }

  test("it is one node with other keys, and its labels keep those of each epoch", async () => {
    const { after, before } = times
    expect({ ...after.identity(), keys: {} }).toEqual({ ...before.identity(), keys: {} })
    expect([before, after].map((each) => Number(each.identity().keys.epoch))).toEqual([1, 3])
    const keyOf = async (keystore: Keystore, epoch: Epoch): Promise<string> =>
      toHex(unwrap(await keystore.labelPublicKey({ label, epoch }, call)))
    expect(await keyOf(after, first)).toBe(await keyOf(before, first))
    expect(new Set([await keyOf(after, first), await keyOf(after, second), await keyOf(after, third)]).size).toBe(3)
    for (const epoch of [second, third]) expect(await before.labelPublicKey({ label, epoch }, call)).toMatchObject(INVALID)
    expect(await after.labelPublicKey({ label, epoch: fourth }, call)).toMatchObject(INVALID)
  })

  test("its files are opened and granted under the label keys that they were made with", async () => {
    const cast = await castOf({ owner: times.after }, first)
    using fileKey = cast.fileKey
    expect(await opens(await times.after.openOriginal(originalOf(cast, { epoch: first }), call), fileKey)).toBe(true)
    expect(await opens(await times.after.openOriginal(originalOf(cast, { epoch: second }), call), fileKey)).toBe(false)
    expect(await times.after.openOriginal(originalOf(cast, { epoch: fourth }), call)).toMatchObject(INVALID)
    const released = await cast.reader.openReencrypted(openingOf(cast, await answersOf(cast, { epoch: first })), call)
    expect(await opens(released, fileKey)).toBe(true)
  })

  test("what was granted to it is opened with the key that the policy names", async () => {
    const cast = await castOf({ reader: times.before }, shared().owner.identity().keys.epoch)
    using fileKey = cast.fileKey
    const answers = await answersOf(cast)
    expect(await opens(await times.after.openReencrypted(openingOf(cast, answers), call), fileKey)).toBe(true)
    const { encryptionKey } = times.after.identity().keys
    const misled = await times.after.openReencrypted(openingOf(cast, answers, { readerKey: encryptionKey }), call)
    expect(misled).toMatchObject({ code: "FRAGMENT_INVALID" })
  })

  test("as proxy it serves the fragments that it has, and takes those that were under way", async () => {
    const cast = await castOf({ proxies: [times.before, shared().proxies[1]] }, shared().owner.identity().keys.epoch)
    using fileKey = cast.fileKey
    const [mine, other] = await fragmentsOf(cast)
    const kept = unwrap(await times.before.acceptFragment(acceptanceOf(cast, mine.sealed), call))
    const late = unwrap(await times.after.acceptFragment(acceptanceOf(cast, mine.sealed), call))
    expect(late.digest).toEqual(kept.digest)
    const elsewhere = unwrap(await cast.proxies[1].acceptFragment(acceptanceOf(cast, other.sealed), call))
    const { capsule } = cast
    const there = unwrap(await cast.proxies[1].reencrypt({ policyId, stored: elsewhere.stored, capsule }, call))
    for (const { stored } of [kept, late]) {
      const here = unwrap(await times.after.reencrypt({ policyId, stored, capsule }, call))
      expect(await opens(await cast.reader.openReencrypted(openingOf(cast, [here, there]), call), fileKey)).toBe(true)
    }
    // What is stored now is under the current epoch, which the earlier one does not know.
    expect(await times.before.reencrypt({ policyId, stored: late.stored, capsule }, call)).toMatchObject({ code: "FRAGMENT_INVALID" })
  })

  test("it signs with the current key only", async () => {
    const signature = unwrap(await times.after.sign("message", messageOf(1), call))
    expect(primitives.ed25519.verify(times.after.identity().keys.signingKey, messageOf(1), signature)).toBe(true)
    expect(primitives.ed25519.verify(times.before.identity().keys.signingKey, messageOf(1), signature)).toBe(false)
  })
}
