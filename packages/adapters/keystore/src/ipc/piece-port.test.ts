import { duplexPair } from "node:stream"
import { ok, Secret, unwrap } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { afterAll, expect, test } from "vitest"
import { openOwner, shareAmong, unlockingWith } from "../../../../service/src/ports/piece-keys-cast.contract.ts"
import { pieceKeysContract } from "../../../../service/src/ports/piece-keys.contract.ts"
import { openTestVault } from "../../../vault/src/vault-kit.contract.ts"
import { bootSecretOf } from "../boot-key.ts"
import { ceremonyTools, makeCeremonyStage } from "../ceremony/ceremony-kit.contract.ts"
import { LockedEngine } from "../locked-engine.ts"
import { TestHome, type PiecePorts } from "../piece-homes.contract.ts"
import { KeystoreClient } from "./client.ts"
import { encodeFrame } from "./frames.ts"
import { LockedClient } from "./locked-client.ts"
import { serveLocked } from "./serve-locked.ts"
import { serveKeystore } from "./server.ts"

const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const { signal } = new AbortController()
const call = { signal }

/** As the keystore's program does. */
const framedPorts: PiecePorts = {
  unlocked: async (keystore) => {
    const [near, far] = duplexPair()
    void serveKeystore(far, { keystore, keys: openTestVault().vault }, signal).finally(() => void keystore[Symbol.asyncDispose]())
    return unwrap(await KeystoreClient.greet(near))
  },
  locked: async (locked) => {
    const [near, far] = duplexPair()
    void serveLocked(far, locked, signal).then(async (unlocked) => {
      await locked[Symbol.asyncDispose]()
      if (unlocked === undefined) return far.destroy()
      const { keystore, vaultSecrets } = unlocked
      await serveKeystore(far, { keystore, keys: openTestVault().vault }, signal)
      await keystore[Symbol.asyncDispose]()
      return vaultSecrets[Symbol.dispose]()
    })
    return ok(unwrap(await LockedClient.greet(near)))
  },
}

const subject = { ...ceremonyTools, newHome: async () => await Promise.resolve(new TestHome(stage, framedPorts)) }

pieceKeysContract("behind its frames", subject)

const request = encodeInfo(["keygrove/v1/unlock-request", new Uint8Array(32)])

/** A locked home, four holders of its pieces, and what unlocks it. */
async function lockedHome(
  stack: AsyncDisposableStack,
): Promise<{ readonly home: TestHome; readonly shared: Awaited<ReturnType<typeof shareAmong>> }> {
  const [home, ...others] = Array.from({ length: 5 }, () => stack.use(new TestHome(stage, framedPorts)))
  if (home === undefined) throw new TypeError("there are five homes")
  const holders = await Promise.all(others.map(async (each) => stack.use(await each.open())))
  const owner = await openOwner(home)
  const shared = await shareAmong(owner, holders, 1)
  await owner[Symbol.asyncDispose]()
  return { home, shared }
}

test("a locked keystore signs while it unlocks, and not any more when it is unlocked", async () => {
  await using stack = new AsyncDisposableStack()
  const { home, shared } = await lockedHome(stack)
  const locked = unwrap(await home.openLocked())
  const order = await unlockingWith(subject, locked, shared)
  const before = Array.from({ length: 20 }, async () => await locked.sign("message", request, call))
  const unlocking = locked.unlock(order, call)
  const late = locked.sign("message", request, call)
  for (const each of await Promise.all(before)) expect(each).toMatchObject({ ok: true })
  const { keystore } = unwrap(await unlocking)
  expect(await late).toMatchObject({ code: "KEYSTORE_GONE" })
  expect(await locked.unlock(order, call)).toMatchObject({ code: "KEYSTORE_GONE" })
  await locked[Symbol.asyncDispose]()
  expect(await keystore.sign("message", encodeInfo(["keygrove/v1/request"]), call)).toMatchObject({ ok: true })
  await keystore[Symbol.asyncDispose]()
})

test("a signal that fires while it unlocks ends it, and nobody is left with an open keystore", async () => {
  await using stack = new AsyncDisposableStack()
  const { home, shared } = await lockedHome(stack)
  const locked = unwrap(await home.openLocked())
  const order = await unlockingWith(subject, locked, shared)
  const [reason, ending] = [new Error("enough"), new AbortController()]
  const unlocking = locked.unlock(order, { signal: ending.signal })
  ending.abort(reason)
  await expect(unlocking).rejects.toBe(reason)
  expect(await locked.sign("message", request, call)).toMatchObject({ code: "KEYSTORE_GONE" })
})

test.each([
  ["what is no request", encodeFrame(encodeInfo(["hello"]))],
  ["a length that no frame has", Uint8Array.of(255, 255, 255, 255)],
  ["nothing more", new Uint8Array(0)],
])("ends when it hears %s", async (_what, bytes) => {
  await using stack = new AsyncDisposableStack()
  const { home } = await lockedHome(stack)
  const [near, far] = duplexPair()
  using boot = Secret.take(new Uint8Array(32).fill(1))
  const locked = unwrap(await LockedEngine.open(home.database, ceremonyTools, bootSecretOf(boot), { signal }))
  near.resume()
  near.end(bytes)
  expect(await serveLocked(far, locked, signal)).toBeUndefined()
})
