import { Secret, unwrap, utf8, type Result } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { hpkeSealing } from "@keygrove/hpke"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath } from "@keygrove/hierarchy"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import { systemRandom } from "@keygrove/system"
import { describe, expect, test } from "vitest"
import { KeystoreEngine } from "./engine.ts"
import { unlockNode } from "./node-secrets.ts"

const { signal } = new AbortController()
const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }
const { curve, sha256 } = nativePrimitives
const umbral = createUmbral({ curve, sha256, random: systemRandom })
const epoch = unwrap(decodeEpoch(1))
const policyId = new Uint8Array(32).fill(9)
const headerDigest = new Uint8Array(32).fill(8)

function keystore(fill: number): KeystoreEngine {
  const place = {
    cluster: unwrap(decodeClusterId("ab".repeat(32))),
    path: unwrap(decodeNodePath("/node")),
    generation: unwrap(decodeGeneration(1)),
    epoch,
  }
  return new KeystoreEngine(tools, unlockNode(nativePrimitives, Secret.take(new Uint8Array(32).fill(fill)), place))
}

describe("signing", () => {
  const cases: readonly (readonly ["handshake" | "statement" | "message", Uint8Array, boolean])[] = [
    ["handshake", Uint8Array.from([...utf8("noise-libp2p-static-key:"), ...new Uint8Array(32)]), true],
    ["handshake", Uint8Array.from([...utf8("noise-libp2p-static-key:"), ...new Uint8Array(33)]), false],
    ["handshake", encodeInfo(["keygrove/v1/entry"]), false],
    ["statement", encodeInfo(["keygrove/v1/entry", "network"]), true],
    ["statement", encodeInfo(["keygrove/v1/request"]), false],
    ["message", encodeInfo(["keygrove/v1/request", policyId]), true],
    ["message", encodeInfo(["keygrove/v1/receipt", "stored"]), true],
    ["message", encodeInfo(["keygrove/v1/entry"]), false],
    ["message", utf8("keygrove/v1/request"), false],
    ["message", new Uint8Array(0), false],
    ["statement", new Uint8Array(200_000), false],
  ]

  test.each(cases)("%s of case %#", async (purpose, message, allowed) => {
    await using engine = keystore(1)
    const signed = await engine.sign(purpose, message, { signal })
    expect(signed.ok).toBe(allowed)
    if (signed.ok) expect(nativePrimitives.ed25519.verify(engine.identity().keys.signingKey, message, signed.value)).toBe(true)
    else expect(signed.code).toBe("KEYSTORE_REQUEST_INVALID")
  })
})

async function sealedTo(): Promise<{ readonly recipientKey: Uint8Array; readonly open: (sealed: Uint8Array) => Promise<Secret> }> {
  const pair = await hpkeSealing.generateKeyPair()
  const info = utf8("keygrove/v1/file-key-release")
  return { recipientKey: pair.publicKey, open: async (sealed) => unwrap(await hpkeSealing.open(pair.secretKey, sealed, { info })) }
}

/** Owner, proxy and reader, each with a keystore, and a capsule under the owner's label. */
async function sharing(): Promise<{
  readonly owner: KeystoreEngine
  readonly proxy: KeystoreEngine
  readonly reader: KeystoreEngine
  readonly labelKey: Uint8Array
  readonly capsule: Uint8Array
  readonly fileKey: Secret
  readonly sealed: Uint8Array
}> {
  const [owner, proxy, reader] = [keystore(1), keystore(2), keystore(3)]
  const labelKey = unwrap(await owner.labelPublicKey({ label: "a/b", epoch }, { signal }))
  const made = umbral.encapsulate(unwrap(curve.decodePoint(labelKey)))
  const { sealingKey, signingKey } = proxy.identity().keys
  const order = {
    label: "a/b",
    epoch,
    policyId,
    readerKey: reader.identity().keys.encryptionKey,
    threshold: 1,
    recipients: [{ signingKey, sealingKey }],
  }
  const [fragment] = unwrap(await owner.generateFragments(order, { signal }))
  if (fragment === undefined) throw new TypeError("no fragment")
  const fileKey = deriveFileKey(nativePrimitives, made.keySeed, headerDigest)
  return { owner, proxy, reader, labelKey, capsule: umbral.encodeCapsule(made.capsule), fileKey, sealed: fragment.sealed }
}

type Sharing = Awaited<ReturnType<typeof sharing>>

async function accept(world: Sharing, changes: object = {}): ReturnType<KeystoreEngine["acceptFragment"]> {
  const { delegationKey, signingKey } = world.owner.identity().keys
  const readerKey = world.reader.identity().keys.encryptionKey
  return await world.proxy.acceptFragment(
    { policyId, sealed: world.sealed, ownerSigningKey: signingKey, delegationKey, labelKey: world.labelKey, readerKey, ...changes },
    { signal },
  )
}

describe("sharing", () => {
  test("the owner opens its own capsule, sealed to whoever asked", async () => {
    const { owner, capsule, fileKey } = await sharing()
    const { open, recipientKey } = await sealedTo()
    const released = unwrap(await owner.openOriginal({ label: "a/b", epoch, capsule, headerDigest, recipientKey }, { signal }))
    expect((await open(released)).equals(fileKey)).toBe(true)
    const other = unwrap(await owner.openOriginal({ label: "a/c", epoch, capsule, headerDigest, recipientKey }, { signal }))
    expect((await open(other)).equals(fileKey)).toBe(false)
  })

  test("owner, proxy and reader together open it, and the liar is named", async () => {
    const world = await sharing()
    const { stored } = unwrap(await accept(world))
    const answer = unwrap(await world.proxy.reencrypt({ policyId, stored, capsule: world.capsule }, { signal }))
    const { open, recipientKey } = await sealedTo()
    const { delegationKey } = world.owner.identity().keys
    const opening = {
      capsule: world.capsule,
      capsuleFragments: [answer],
      labelKey: world.labelKey,
      delegationKey,
      headerDigest,
      recipientKey,
    }
    expect((await open(unwrap(await world.reader.openReencrypted(opening, { signal })))).equals(world.fileKey)).toBe(true)
    const lie = Uint8Array.from(answer)
    lie[lie.length - 70] = (lie.at(-70) ?? 0) ^ 1
    expect(await world.reader.openReencrypted({ ...opening, capsuleFragments: [answer, lie] }, { signal })).toMatchObject({
      code: "FRAGMENT_INVALID",
      data: { index: 1 },
    })
    expect(await world.proxy.openReencrypted(opening, { signal })).toMatchObject({ ok: false })
  })

  test("a fragment is accepted only for its policy, owner, label and reader, and by whom it is sealed to", async () => {
    const world = await sharing()
    const other = new Uint8Array(32).fill(7)
    expect(await accept(world, { policyId: other })).toMatchObject({ code: "SEALED_MESSAGE_INVALID" })
    expect(await accept(world, { ownerSigningKey: world.reader.identity().keys.signingKey })).toMatchObject({
      code: "SEALED_MESSAGE_INVALID",
    })
    expect(await accept(world, { labelKey: world.reader.identity().keys.encryptionKey })).toMatchObject({ code: "FRAGMENT_INVALID" })
    expect(await accept(world, { readerKey: world.labelKey })).toMatchObject({ code: "FRAGMENT_INVALID" })
    expect(await accept({ ...world, proxy: world.reader })).toMatchObject({ code: "SEALED_MESSAGE_INVALID" })
    const { stored } = unwrap(await accept(world))
    expect(await world.proxy.reencrypt({ policyId: other, stored, capsule: world.capsule }, { signal })).toMatchObject({
      code: "FRAGMENT_INVALID",
    })
  })

  test("bad orders are refused", async () => {
    const { owner } = await sharing()
    const results: Result<unknown>[] = [
      await owner.labelPublicKey({ label: "../x", epoch }, { signal }),
      await owner.labelPublicKey({ label: "a", epoch: unwrap(decodeEpoch(2)) }, { signal }),
      await owner.generateFragments(
        { label: "a", epoch, policyId, readerKey: new Uint8Array(33), threshold: 1, recipients: [] },
        { signal },
      ),
    ]
    for (const result of results) expect(result).toMatchObject({ ok: false, code: "KEYSTORE_REQUEST_INVALID" })
  })

  test("after lock nothing is done any more", async () => {
    const { owner } = await sharing()
    await owner.lock({ signal })
    expect(owner.state()).toBe("locked")
    expect(await owner.labelPublicKey({ label: "a", epoch }, { signal })).toMatchObject({ code: "KEYSTORE_LOCKED" })
  })
})
