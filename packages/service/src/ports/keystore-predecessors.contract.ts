import { toHex, unwrap, utf8, type Result, type Secret } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
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
import type { Keystore, LabelKeyName } from "./keystore.ts"

/** What was made below a root that was replaced stays of use to the node that moved. */
export function predecessors(subject: KeystoreSubject, shared: () => Cast): void {
  const { primitives, random, sealing } = subject
  let times: BeforeAndAfter
  beforeAll(async () => {
    times = await subject.openMoved()
  })
  afterAll(async () => {
    await times.before[Symbol.asyncDispose]()
    await times.after[Symbol.asyncDispose]()
  })
  /** The label's key as the node had it at last before. */
  const old = (): LabelKeyName & { readonly cluster: ClusterId } => {
    const { cluster, keys } = times.before.identity()
    return { cluster, label, epoch: keys.epoch }
  }
  const opens = async (released: Result<Uint8Array>, fileKey: Secret): Promise<boolean> => {
    const { secretKey } = shared().recipient
    using key = unwrap(await sealing.open(secretKey, unwrap(released), { info: utf8("keygrove/v1/file-key-release") }))
    return key.equals(fileKey)
  }
  /** The cast with the node in some of the parts. */
  const castOf = async (parts: Partial<Cast>): Promise<Cast> => {
    const cast = { ...shared(), ...parts }
    const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random })
    const labelKey = unwrap(await cast.owner.labelPublicKey({ label, epoch: cast.owner.identity().keys.epoch }, call))
    const { capsule, keySeed } = umbral.encapsulate(unwrap(primitives.curve.decodePoint(labelKey)))
    using seed = keySeed
    const fileKey = deriveFileKey(primitives, seed, headerDigest)
    return { ...cast, labelKey, capsule: umbral.encodeCapsule(capsule), fileKey }
  }

  test("it says which node it was, and has all keys anew", () => {
    const [was, is] = [times.before.identity(), times.after.identity()]
    expect(is.predecessors).toEqual([{ cluster: was.cluster, path: was.path, generation: was.generation, epoch: was.keys.epoch }])
    expect([is.path, Number(is.keys.epoch), was.predecessors]).toEqual([was.path, 1, []])
    expect(is.cluster).not.toBe(was.cluster)
    const keysOf = (keystore: Keystore): readonly string[] => {
      const { anchorKey, keys } = keystore.identity()
      return [anchorKey, keys.signingKey, keys.encryptionKey, keys.sealingKey, keys.delegationKey].map(toHex)
    }
    expect(keysOf(times.after).filter((key) => keysOf(times.before).includes(key))).toEqual([])
  })

  test("its labels have other keys, and those of before when they are asked for by their cluster", async () => {
    const { after, before } = times
    const keyOf = async (keystore: Keystore, name: LabelKeyName): Promise<string> =>
      toHex(unwrap(await keystore.labelPublicKey(name, call)))
    expect(await keyOf(after, old())).toBe(await keyOf(before, { label, epoch: old().epoch }))
    const first = epochOf(1)
    expect(await keyOf(after, { ...old(), epoch: first })).toBe(await keyOf(before, { label, epoch: first }))
    expect(await keyOf(after, { label, epoch: epochOf(1) })).not.toBe(await keyOf(after, old()))
    const named = { cluster: after.identity().cluster, label, epoch: epochOf(1) }
    expect(await keyOf(after, named)).toBe(await keyOf(after, { label, epoch: epochOf(1) }))
    const later = epochOf(before.identity().keys.epoch + 1)
    const { cluster } = shared().owner.identity()
    for (const unknown of [
      { ...old(), epoch: later },
      { ...old(), cluster },
    ])
      expect(await after.labelPublicKey(unknown, call)).toMatchObject(INVALID)
    expect(await before.labelPublicKey(named, call)).toMatchObject(INVALID)
  })

  test("files of before are opened and granted, by no other name of their keys", async () => {
    const cast = await castOf({ owner: times.before })
    using fileKey = cast.fileKey
    const original = { ...originalOf(cast), ...old() }
    expect(await opens(await times.after.openOriginal(original, call), fileKey)).toBe(true)
    expect(await opens(await times.after.openOriginal(originalOf(cast, { epoch: epochOf(1) }), call), fileKey)).toBe(false)
    const moved = { ...cast, owner: times.after }
    const answers = await answersOf(moved, old())
    expect(await opens(await cast.reader.openReencrypted(openingOf(moved, answers), call), fileKey)).toBe(true)
  })

  test("what was granted to it before is opened, and the fragments that it has or gets late serve on", async () => {
    const cast = await castOf({ reader: times.before, proxies: [times.before, shared().proxies[1]] })
    using fileKey = cast.fileKey
    const [mine, other] = await fragmentsOf(cast)
    const kept = unwrap(await times.before.acceptFragment(acceptanceOf(cast, mine.sealed), call))
    const late = unwrap(await times.after.acceptFragment(acceptanceOf(cast, mine.sealed), call))
    const elsewhere = unwrap(await cast.proxies[1].acceptFragment(acceptanceOf(cast, other.sealed), call))
    const { capsule } = cast
    const there = unwrap(await cast.proxies[1].reencrypt({ policyId, stored: elsewhere.stored, capsule }, call))
    for (const { stored } of [kept, late]) {
      const here = unwrap(await times.after.reencrypt({ policyId, stored, capsule }, call))
      expect(await opens(await times.after.openReencrypted(openingOf(cast, [here, there]), call), fileKey)).toBe(true)
    }
    // What it stores now is under a key that the old node never had.
    expect(await times.before.reencrypt({ policyId, stored: late.stored, capsule }, call)).toMatchObject({ code: "FRAGMENT_INVALID" })
  })

  test("it signs as itself only", async () => {
    const signature = unwrap(await times.after.sign("message", messageOf(1), call))
    expect(primitives.ed25519.verify(times.after.identity().keys.signingKey, messageOf(1), signature)).toBe(true)
    expect(primitives.ed25519.verify(times.before.identity().keys.signingKey, messageOf(1), signature)).toBe(false)
  })

  test("what is made now does not open for the node that it was", async () => {
    const cast = await castOf({ owner: times.after })
    using fileKey = cast.fileKey
    expect(await opens(await times.after.openOriginal(originalOf(cast), call), fileKey)).toBe(true)
    expect(await opens(await times.before.openOriginal(originalOf(cast, { epoch: epochOf(1) }), call), fileKey)).toBe(false)
  })
}
