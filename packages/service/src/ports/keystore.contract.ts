import { toHex, unwrap, utf8, type Result } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  acceptanceOf,
  answersOf,
  assemble,
  call,
  type Cast,
  changed,
  fragmentsOf,
  INVALID,
  type KeystoreSubject,
  label,
  messageOf,
  nextEpoch,
  openingOf,
  orderOf,
  originalOf,
  policyId,
  signal,
} from "./keystore-cast.contract.ts"
import { earlierEpochs } from "./keystore-epochs.contract.ts"
import { predecessors } from "./keystore-predecessors.contract.ts"
import { rekeying } from "./keystore-rekey.contract.ts"
import type { FragmentAcceptance, FragmentOrder, ReencryptedOpening } from "./keystore.ts"

/** The suite that every keystore passes, be it in this process or behind a socket. */
export function keystoreContract(name: string, subject: KeystoreSubject): void {
  describe(`keystore: ${name}`, () => {
    let cast: Cast
    beforeAll(async () => {
      cast = await assemble(subject)
    })
    afterAll(async () => {
      await cast[Symbol.asyncDispose]()
    })
    const shared = (): Cast => cast
    describe("identity and signatures", () => signing(subject, shared))
    describe("labels and the owner's own capsules", () => original(subject, shared))
    describe("fragments", () => fragments(shared))
    describe("capsule fragments", () => reencryption(subject, shared))
    describe("earlier epochs", () => earlierEpochs(subject, shared))
    describe("predecessors", () => predecessors(subject, shared))
    describe("rekeying", () => rekeying(subject, shared))
    describe("calls", () => calls(subject, shared))
    describe("lock and disposal", () => ending(subject, shared))
  })
}

function signing({ primitives }: KeystoreSubject, shared: () => Cast): void {
  test("the identity is whole, and every node's own", () => {
    const { owner, proxies, reader } = shared()
    for (const keystore of [owner, ...proxies, reader]) {
      const { anchorKey, cluster, generation, keys, path } = keystore.identity()
      expect([anchorKey.length, keys.signingKey.length, keys.sealingKey.length]).toEqual([32, 32, 32])
      for (const key of [keys.encryptionKey, keys.delegationKey]) expect(primitives.curve.decodePoint(key).ok).toBe(true)
      expect([cluster, path, Number(generation), Number(keys.epoch)]).toEqual([
        expect.stringMatching(/^[\da-f]{64}$/),
        expect.stringMatching(/^\//),
        1,
        1,
      ])
      expect(keystore.state()).toBe("unlocked")
      expect(keystore.identity()).toEqual(keystore.identity())
    }
    const keys = [owner, ...proxies, reader].map((keystore) => toHex(keystore.identity().keys.signingKey))
    expect(new Set(keys).size).toBe(4)
  })

  const noise = (length: number): Uint8Array => Uint8Array.from([...utf8("noise-libp2p-static-key:"), ...new Uint8Array(length)])
  test.each([
    ["handshake", noise(32), true],
    ["handshake", noise(33), false],
    ["handshake", encodeInfo(["keygrove/v1/entry"]), false],
    ["statement", encodeInfo(["keygrove/v1/entry", "network"]), true],
    ["statement", encodeInfo(["keygrove/v1/request"]), false],
    ["statement", noise(32), false],
    ["statement", new Uint8Array(131_073), false],
    ["message", encodeInfo(["keygrove/v1/request", policyId]), true],
    ["message", encodeInfo(["keygrove/v1/receipt", "stored"]), true],
    ["message", encodeInfo(["keygrove/v1/entry"]), false],
    ["message", utf8("keygrove/v1/request"), false],
    ["message", new Uint8Array(0), false],
  ] as const)("signs only what its purpose names: %s, case %#", async (purpose, message, allowed) => {
    const { owner } = shared()
    const signed = await owner.sign(purpose, message, call)
    if (!allowed) expect(signed).toMatchObject(INVALID)
    else expect(primitives.ed25519.verify(owner.identity().keys.signingKey, message, unwrap(signed))).toBe(true)
  })
}

function original({ primitives, sealing }: KeystoreSubject, shared: () => Cast): void {
  test("a label has one key, and another has another", async () => {
    const { labelKey, owner, reader } = shared()
    const { epoch } = owner.identity().keys
    expect(unwrap(await owner.labelPublicKey({ label, epoch }, call))).toEqual(labelKey)
    expect(primitives.curve.decodePoint(labelKey).ok).toBe(true)
    expect(unwrap(await owner.labelPublicKey({ label: "photos/2027", epoch }, call))).not.toEqual(labelKey)
    expect(unwrap(await reader.labelPublicKey({ label, epoch }, call))).not.toEqual(labelKey)
  })

  test.each(["", "/a", "a//b", "../a", "a".repeat(129), "tab\tbed"])("refuses the label %j", async (bad) => {
    const { owner } = shared()
    expect(await owner.labelPublicKey({ label: bad, epoch: owner.identity().keys.epoch }, call)).toMatchObject(INVALID)
  })

  test("refuses epochs that are not at hand", async () => {
    expect(await shared().owner.labelPublicKey({ label, epoch: nextEpoch }, call)).toMatchObject(INVALID)
    expect(await shared().owner.openOriginal(originalOf(shared(), { epoch: nextEpoch }), call)).toMatchObject(INVALID)
  })

  test("the owner opens its own capsule, for whoever asked only and under the right label only", async () => {
    const { fileKey, owner, reader, recipient } = shared()
    const open = async (released: Result<Uint8Array>): Promise<boolean> => {
      using key = unwrap(await sealing.open(recipient.secretKey, unwrap(released), { info: utf8("keygrove/v1/file-key-release") }))
      return key.equals(fileKey)
    }
    expect(await open(await owner.openOriginal(originalOf(shared()), call))).toBe(true)
    expect(await open(await owner.openOriginal(originalOf(shared(), { label: "another" }), call))).toBe(false)
    expect(await open(await owner.openOriginal(originalOf(shared(), { headerDigest: policyId }), call))).toBe(false)
    expect(await open(await reader.openOriginal(originalOf(shared()), call))).toBe(false)
  })

  test("refuses capsules, digests and recipients that are none", async () => {
    const { capsule, owner } = shared()
    for (const bad of [new Uint8Array(0), capsule.subarray(1), changed(capsule, 0), new Uint8Array(105)])
      expect(await owner.openOriginal(originalOf(shared(), { capsule: bad }), call)).toMatchObject({ code: "CAPSULE_INVALID" })
    for (const changes of [
      { headerDigest: new Uint8Array(31) },
      { recipientKey: new Uint8Array(31) },
      { recipientKey: new Uint8Array(32) },
    ])
      expect(await owner.openOriginal(originalOf(shared(), changes), call)).toMatchObject(INVALID)
  })
}

function fragments(shared: () => Cast): void {
  test("one fragment for each recipient, which only it can accept", async () => {
    const cast = shared()
    const [first, second] = await fragmentsOf(cast)
    expect(toHex(first.digest)).not.toBe(toHex(second.digest))
    const accepted = unwrap(await cast.proxies[0].acceptFragment(acceptanceOf(cast, first.sealed), call))
    expect(accepted.digest).toEqual(first.digest)
    expect(await cast.proxies[1].acceptFragment(acceptanceOf(cast, first.sealed), call)).toMatchObject({ code: "SEALED_MESSAGE_INVALID" })
  })

  test("refuses orders that make no policy", async () => {
    const cast = shared()
    const [recipient] = cast.proxies.map((proxy) => proxy.identity().keys)
    if (recipient === undefined) throw new TypeError("no proxy")
    const bad: readonly Partial<FragmentOrder>[] = [
      { label: "../a" },
      { epoch: nextEpoch },
      { policyId: new Uint8Array(31) },
      { readerKey: new Uint8Array(33) },
      { readerKey: new Uint8Array(32) },
      { threshold: 0 },
      { threshold: 3 },
      { recipients: [] },
      { recipients: Array.from({ length: 31 }, () => recipient) },
      { recipients: [recipient, { ...recipient, sealingKey: new Uint8Array(32) }] },
    ]
    for (const changes of bad)
      expect(await cast.owner.generateFragments(orderOf(cast, changes), call), Object.keys(changes).join()).toMatchObject(INVALID)
  })

  test("accepts a fragment only as the policy says", async () => {
    const cast = shared()
    const [{ sealed }] = await fragmentsOf(cast)
    const { encryptionKey, signingKey } = cast.reader.identity().keys
    const other = new Uint8Array(32).fill(7)
    const cases: readonly (readonly [Partial<FragmentAcceptance>, string])[] = [
      [{ policyId: other }, "SEALED_MESSAGE_INVALID"],
      [{ ownerSigningKey: signingKey }, "SEALED_MESSAGE_INVALID"],
      [{ sealed: new Uint8Array(0) }, "SEALED_MESSAGE_INVALID"],
      [{ sealed: sealed.subarray(1) }, "SEALED_MESSAGE_INVALID"],
      [{ sealed: changed(sealed, sealed.length - 1) }, "SEALED_MESSAGE_INVALID"],
      [{ labelKey: encryptionKey }, "FRAGMENT_INVALID"],
      [{ readerKey: cast.labelKey }, "FRAGMENT_INVALID"],
      [{ delegationKey: cast.labelKey }, "FRAGMENT_INVALID"],
      [{ labelKey: new Uint8Array(33) }, "FRAGMENT_INVALID"],
    ]
    for (const [changes, code] of cases)
      expect(await cast.proxies[0].acceptFragment(acceptanceOf(cast, sealed, changes), call), Object.keys(changes).join()).toMatchObject({
        code,
      })
  })
}

function reencryption({ sealing }: KeystoreSubject, shared: () => Cast): void {
  test("proxies and reader together give the file key", async () => {
    const { fileKey, reader, recipient } = shared()
    const answers = await answersOf(shared())
    expect(answers.map(({ length }) => length)).toEqual([381, 381])
    const released = unwrap(await reader.openReencrypted(openingOf(shared(), answers), call))
    using key = unwrap(await sealing.open(recipient.secretKey, released, { info: utf8("keygrove/v1/file-key-release") }))
    expect(key.equals(fileKey)).toBe(true)
  })

  test("re-encrypts only with its own fragment of this policy", async () => {
    const cast = shared()
    const [{ sealed }] = await fragmentsOf(cast)
    const { stored } = unwrap(await cast.proxies[0].acceptFragment(acceptanceOf(cast, sealed), call))
    const order = { policyId, stored, capsule: cast.capsule }
    const invalid = { code: "FRAGMENT_INVALID" }
    expect(await cast.proxies[0].reencrypt({ ...order, policyId: new Uint8Array(32) }, call)).toMatchObject(invalid)
    expect(await cast.proxies[0].reencrypt({ ...order, stored: changed(stored, 30) }, call)).toMatchObject(invalid)
    expect(await cast.proxies[0].reencrypt({ ...order, stored: stored.subarray(0, 20) }, call)).toMatchObject(invalid)
    expect(await cast.proxies[0].reencrypt({ ...order, stored: new Uint8Array(0) }, call)).toMatchObject(invalid)
    expect(await cast.proxies[1].reencrypt(order, call)).toMatchObject(invalid)
    expect(await cast.proxies[0].reencrypt({ ...order, capsule: changed(cast.capsule, 40) }, call)).toMatchObject({
      code: "CAPSULE_INVALID",
    })
  })

  test("names the liar, and refuses too few, repeated or foreign capsule fragments", async () => {
    const cast = shared()
    const [first, second] = await answersOf(cast)
    const opening = async (all: readonly Uint8Array[], changes: Partial<ReencryptedOpening> = {}): Promise<Result<Uint8Array>> =>
      await cast.reader.openReencrypted(openingOf(cast, all, changes), call)
    expect(await opening([first, changed(second, 300)])).toMatchObject({ code: "FRAGMENT_INVALID", data: { index: 1 } })
    expect(await opening([second.subarray(1), first])).toMatchObject({ code: "FRAGMENT_INVALID", data: { index: 0 } })
    expect(await opening([])).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    expect(await opening([first])).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    expect(await opening([first, first])).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    const [foreign] = await answersOf(cast)
    expect(await opening([foreign, second])).toMatchObject({ code: "FRAGMENTS_INSUFFICIENT" })
    expect(await opening([first, second], { capsule: new Uint8Array(105) })).toMatchObject({ code: "CAPSULE_INVALID" })
    expect(await opening([first, second], { labelKey: new Uint8Array(33) })).toMatchObject(INVALID)
    expect(await opening([first, second], { delegationKey: new Uint8Array(32) })).toMatchObject(INVALID)
    expect(await opening([first, second], { recipientKey: new Uint8Array(31) })).toMatchObject(INVALID)
    const [proxy] = cast.proxies
    expect(await proxy.openReencrypted(openingOf(cast, [first, second]), call)).toMatchObject(INVALID)
    const asReader = openingOf(cast, [first, second], { readerKey: proxy.identity().keys.encryptionKey })
    expect(await proxy.openReencrypted(asReader, call)).toMatchObject({ code: "FRAGMENT_INVALID" })
  })
}

function calls({ primitives }: KeystoreSubject, shared: () => Cast): void {
  test("many at once are answered to whom they belong", async () => {
    const { owner } = shared()
    const { epoch, signingKey } = owner.identity().keys
    const numbers = Array.from({ length: 100 }, (_, index) => index)
    const keys = await Promise.all(numbers.map(async (number) => unwrap(await owner.labelPublicKey({ label: `l/${number}`, epoch }, call))))
    const signatures = await Promise.all(numbers.map(async (number) => unwrap(await owner.sign("message", messageOf(number), call))))
    for (const number of numbers) {
      expect(unwrap(await owner.labelPublicKey({ label: `l/${number}`, epoch }, call))).toEqual(keys[number])
      expect(primitives.ed25519.verify(signingKey, messageOf(number), signatures[number] ?? new Uint8Array(0))).toBe(true)
    }
  })

  test("end with the signal's reason, before they begin and while they are under way, and harm no other call", async () => {
    const { owner } = shared()
    const reason = new Error("enough")
    const over = AbortSignal.abort(reason)
    const begun = new AbortController()
    for (const begin of everyCall(shared(), over)) await expect(begin()).rejects.toBe(reason)
    const underWay = everyCall(shared(), begun.signal).map(async (begin) => await begin())
    const other = owner.sign("message", messageOf(1), call)
    begun.abort(reason)
    for (const each of await Promise.allSettled(underWay)) expect(each).toMatchObject({ status: "rejected", reason })
    expect(await other).toMatchObject({ ok: true })
  })
}

function ending({ open }: KeystoreSubject, shared: () => Cast): void {
  test("after lock every call is refused for that, whatever it asks; the identity stays", async () => {
    await using keystore = await open()
    const identity = keystore.identity()
    expect(await keystore.lock(call)).toEqual({ ok: true, value: true })
    expect(keystore.state()).toBe("locked")
    const cast = { ...shared(), owner: keystore, proxies: [keystore, keystore] as const, reader: keystore }
    for (const begin of everyCall(cast, signal)) expect(await begin()).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect(await keystore.labelPublicKey({ label: "../a", epoch: nextEpoch }, call)).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect(keystore.identity()).toEqual(identity)
    expect(await keystore.lock(call)).toEqual({ ok: true, value: true })
  })

  test("lock ends the calls that are under way: they are done or refused for it", async () => {
    await using keystore = await open()
    const cast = { ...shared(), owner: keystore }
    const underWay = Array.from({ length: 20 }, async () => await keystore.generateFragments(orderOf(cast), call))
    const locked = keystore.lock(call)
    const late = keystore.generateFragments(orderOf(cast), call)
    for (const outcome of await Promise.all(underWay)) if (!outcome.ok) expect(outcome.code).toBe("KEYSTORE_LOCKED")
    expect(await late).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect(await locked).toMatchObject({ ok: true })
  })

  test("after disposal nothing is done, and disposing again is fine", async () => {
    const keystore = await open()
    await keystore[Symbol.asyncDispose]()
    await keystore[Symbol.asyncDispose]()
    expect(keystore.state()).not.toBe("unlocked")
    const signed = await keystore.sign("message", messageOf(1), call)
    expect(signed.ok ? "signed" : signed.code).toMatch(/^KEYSTORE_(LOCKED|GONE)$/)
  })
}

/** Every call but `lock`, with input that is good enough to begin. */
function everyCall(cast: Cast, ending: AbortSignal): readonly (() => Promise<Result<unknown>>)[] {
  const options = { signal: ending }
  const { owner, proxies, reader } = cast
  const { epoch } = owner.identity().keys
  return [
    async () => await owner.sign("message", messageOf(0), options),
    async () => await owner.labelPublicKey({ label, epoch }, options),
    async () => await owner.openOriginal(originalOf(cast), options),
    async () => await owner.generateFragments(orderOf(cast), options),
    async () => await proxies[0].acceptFragment(acceptanceOf(cast, new Uint8Array(9)), options),
    async () => await proxies[0].reencrypt({ policyId, stored: new Uint8Array(9), capsule: cast.capsule }, options),
    async () => await reader.openReencrypted(openingOf(cast, []), options),
    async () => await owner.beginRekey(options),
    async () => await owner.acceptRekey({ entry: new Uint8Array(9), sealed: new Uint8Array(9) }, options),
    async () => await owner.finishRekey(options),
  ]
}
