import { toHex, unwrap, utf8 } from "@keygrove/base"
import { deriveFileKey, createUmbral } from "@keygrove/reencryption"
import { rekeyExchangeBytes } from "@keygrove/hierarchy"
import { afterEach, beforeEach, expect, test } from "vitest"
import {
  call,
  changed,
  epochOf,
  headerDigest,
  type KeystoreSubject,
  label,
  messageOf,
  orderOf,
  originalOf,
  type Cast,
  type Rekeying,
} from "./keystore-cast.contract.ts"
import type { Keystore, NodeIdentity } from "./keystore.ts"

/** The two steps of the exchange with a ceremony, and going on to the next epoch. */
export function rekeying({ openToRekey, primitives, random, sealing }: KeystoreSubject, shared: () => Cast): void {
  let node: Rekeying
  beforeEach(async () => {
    node = await openToRekey()
  })
  afterEach(async () => {
    await node.keystore[Symbol.asyncDispose]()
  })
  const invalid = { code: "REKEY_EXCHANGE_INVALID" }
  const prepared = async (): Promise<Awaited<ReturnType<Rekeying["prepare"]>>> =>
    await node.prepare(unwrap(await node.keystore.beginRekey(call)))
  const rekey = async (): Promise<NodeIdentity> => {
    unwrap(await node.keystore.acceptRekey(await prepared(), call))
    return unwrap(await node.keystore.finishRekey(call))
  }
  const isSigner = async (keystore: Keystore, { keys }: NodeIdentity): Promise<boolean> =>
    primitives.ed25519.verify(keys.signingKey, messageOf(1), unwrap(await keystore.sign("message", messageOf(1), call)))

  test("an exchange is asked for in the name of the current epoch, with another key each time", async () => {
    const { keystore } = node
    const identity = keystore.identity()
    const begun = [unwrap(await keystore.beginRekey(call)), unwrap(await keystore.beginRekey(call))]
    for (const { exchangeKey, signature } of begun) {
      const message = rekeyExchangeBytes({ ...identity, epoch: identity.keys.epoch }, exchangeKey)
      expect(primitives.ed25519.verify(identity.keys.signingKey, message, signature)).toBe(true)
      expect(await keystore.sign("message", message, call)).toMatchObject({ code: "KEYSTORE_REQUEST_INVALID" })
    }
    expect(new Set(begun.map(({ exchangeKey }) => toHex(exchangeKey))).size).toBe(2)
  })

  test("what is prepared is pending and changes nothing; finishing makes it the identity, which is told once", async () => {
    const { keystore } = node
    const before = keystore.identity()
    const told: NodeIdentity[] = []
    using _listening = keystore.onRekey((identity) => void told.push(identity))
    const ended = keystore.onRekey(() => expect.unreachable())
    ended[Symbol.dispose]()
    expect(keystore.pendingRekey()).toBeUndefined()
    expect(await keystore.finishRekey(call)).toMatchObject({ code: "REKEY_NOT_PENDING" })
    const { entry, sealed } = await prepared()
    const pending = unwrap(await keystore.acceptRekey({ entry, sealed }, call))
    expect(keystore.pendingRekey()).toEqual(pending)
    expect([pending.entry, Number(pending.keys.epoch)]).toEqual([entry, 2])
    expect([keystore.identity(), told]).toEqual([before, []])
    expect(await isSigner(keystore, before)).toBe(true)
    const after = unwrap(await keystore.finishRekey(call))
    expect(after).toEqual({ ...before, keys: pending.keys })
    expect([keystore.identity(), keystore.pendingRekey(), told]).toEqual([after, undefined, [after]])
    expect([await isSigner(keystore, after), await isSigner(keystore, before)]).toEqual([true, false])
    expect(await keystore.finishRekey(call)).toMatchObject({ code: "REKEY_NOT_PENDING" })
  })

  test("what was made before opens after one rekey and after two, and new labels have new keys", async () => {
    const { keystore } = node
    const epoch = epochOf(1)
    const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random })
    const labelKey = unwrap(await keystore.labelPublicKey({ label, epoch }, call))
    const { capsule, keySeed } = umbral.encapsulate(unwrap(primitives.curve.decodePoint(labelKey)))
    using seed = keySeed
    using fileKey = deriveFileKey(primitives, seed, headerDigest)
    const cast = { ...shared(), owner: keystore, capsule: umbral.encodeCapsule(capsule) }
    for (const number of [2, 3]) {
      expect(Number((await rekey()).keys.epoch)).toBe(number)
      const released = unwrap(await keystore.openOriginal(originalOf(cast, { epoch }), call))
      using opened = unwrap(await sealing.open(cast.recipient.secretKey, released, { info: utf8("keygrove/v1/file-key-release") }))
      expect(opened.equals(fileKey)).toBe(true)
      expect(await keystore.labelPublicKey({ label, epoch }, call)).toEqual({ ok: true, value: labelKey })
      expect(await keystore.labelPublicKey({ label, epoch: epochOf(number) }, call)).not.toEqual({ ok: true, value: labelKey })
    }
  })

  test("only what was prepared for this exchange, whole, is taken; a refusal leaves the exchange open", async () => {
    const { keystore } = node
    const stale = await prepared()
    const good = await prepared()
    expect(await keystore.acceptRekey(stale, call)).toMatchObject(invalid)
    expect(await keystore.acceptRekey({ ...good, sealed: stale.sealed }, call)).toMatchObject(invalid)
    expect(await keystore.acceptRekey({ ...good, sealed: changed(good.sealed, good.sealed.length - 1) }, call)).toMatchObject(invalid)
    expect(await keystore.acceptRekey({ ...good, entry: changed(good.entry, good.entry.length - 1) }, call)).toMatchObject(invalid)
    expect(await keystore.acceptRekey({ entry: new Uint8Array(0), sealed: new Uint8Array(0) }, call)).toMatchObject(invalid)
    const stranger = await openToRekey()
    const foreign = await stranger.prepare(unwrap(await stranger.keystore.beginRekey(call)))
    await stranger.keystore[Symbol.asyncDispose]()
    expect(await keystore.acceptRekey(foreign, call)).toMatchObject(invalid)
    expect(keystore.pendingRekey()).toBeUndefined()
    unwrap(await keystore.acceptRekey(good, call))
    expect(await keystore.acceptRekey(good, call)).toMatchObject({ code: "REKEY_PENDING" })
    expect(await keystore.beginRekey(call)).toMatchObject({ code: "REKEY_PENDING" })
    unwrap(await keystore.finishRekey(call))
    expect(await keystore.acceptRekey(good, call)).toMatchObject(invalid)
  })

  test("a keystore that starts after the ceremony is in the old epoch, has the next one pending, and goes on", async () => {
    const { keystore } = node
    const before = keystore.identity()
    const { entry } = await prepared()
    const opened = await node.reopen()
    try {
      expect([opened.identity(), opened.pendingRekey()?.entry]).toEqual([before, entry])
      expect(await isSigner(opened, before)).toBe(true)
      const after = unwrap(await opened.finishRekey(call))
      expect([Number(after.keys.epoch), await isSigner(opened, after)]).toEqual([2, true])
    } finally {
      await opened[Symbol.asyncDispose]()
    }
  })

  test("calls under way are done in the epoch in which they began, those that come meanwhile in the next", async () => {
    const { keystore } = node
    const before = keystore.identity()
    unwrap(await keystore.acceptRekey(await prepared(), call))
    const order = orderOf({ ...shared(), owner: keystore })
    const underWay = Array.from({ length: 20 }, async () => await keystore.generateFragments(order, call))
    const finishing = keystore.finishRekey(call)
    const late = keystore.sign("message", messageOf(1), call)
    for (const fragments of await Promise.all(underWay)) expect(fragments).toMatchObject({ ok: true })
    const { keys } = unwrap(await finishing)
    const signature = unwrap(await late)
    const signers = [before.keys, keys].map(({ signingKey }) => primitives.ed25519.verify(signingKey, messageOf(1), signature))
    expect(signers).toEqual([false, true])
  })

  test("locking ends an exchange and a pending epoch", async () => {
    const { keystore } = node
    unwrap(await keystore.acceptRekey(await prepared(), call))
    unwrap(await keystore.lock(call))
    expect(await keystore.finishRekey(call)).toMatchObject({ code: "KEYSTORE_LOCKED" })
    expect(Number(keystore.identity().keys.epoch)).toBe(1)
  })
}
