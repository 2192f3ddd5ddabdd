import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, utf8 } from "@keygrove/base"
import { afterEach, beforeEach, expect, test } from "vitest"
import { offerPassphrase, takePassphrase } from "./handed-passphrase.ts"

let directory: string
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), "keygrove-hand-"))))
afterEach(async () => await rm(directory, { recursive: true }))

const live = (): AbortSignal => new AbortController().signal

async function offering(
  path: string,
  text: string,
  signal: AbortSignal = live(),
): Promise<{ readonly outcome: ReturnType<typeof offerPassphrase> }> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const outcome = offerPassphrase(path, Secret.take(utf8(text)), { signal, onListening: () => resolve(undefined) })
  await promise
  return { outcome }
}

test("a passphrase goes to the first who comes, and its socket goes", async () => {
  const path = join(directory, "u")
  const { outcome } = await offering(path, "correct horse")
  const taken = await takePassphrase(path, { signal: live() })
  expect(taken.ok && taken.value.expose((bytes) => Buffer.from(bytes).toString())).toBe("correct horse")
  expect(await outcome).toEqual({ ok: true, value: true })
  expect(existsSync(path)).toBe(false)
  expect(await takePassphrase(path, { signal: live() })).toMatchObject({ ok: false, code: "PASSPHRASE_MISSING" })
})

test("whoever comes second gets nothing", async () => {
  const path = join(directory, "u")
  const { outcome } = await offering(path, "correct horse")
  const [first, second] = await Promise.all([takePassphrase(path, { signal: live() }), takePassphrase(path, { signal: live() })])
  expect([first, second].filter(({ ok }) => ok)).toHaveLength(1)
  await outcome
})

test("an offer that nobody takes ends with its signal, and leaves nothing", async () => {
  const path = join(directory, "u")
  const stop = new AbortController()
  const { outcome } = await offering(path, "correct horse", stop.signal)
  stop.abort()
  expect(await outcome).toMatchObject({ ok: false, code: "PASSPHRASE_NOT_TAKEN" })
  expect(existsSync(path)).toBe(false)
})

test("a taker that leaves at once leaves no socket behind", async () => {
  const path = join(directory, "u")
  const { outcome } = await offering(path, "correct horse")
  const passer = connect(path)
  passer.once("connect", () => passer.destroy())
  await outcome
  expect(existsSync(path)).toBe(false)
})

test("more than a passphrase can have is refused", async () => {
  const path = join(directory, "u")
  const { outcome } = await offering(path, "x".repeat(5_000))
  expect(await takePassphrase(path, { signal: live() })).toMatchObject({ ok: false, code: "PASSPHRASE_TOO_LONG" })
  await outcome
})

test("a socket that exists is not taken over", async () => {
  const path = join(directory, "u")
  const { outcome } = await offering(path, "one")
  const second = await offerPassphrase(path, Secret.take(utf8("two")), { signal: live(), onListening: () => undefined })
  expect(second).toMatchObject({ ok: false, code: "KEYSTORE_START_FAILED" })
  const taken = await takePassphrase(path, { signal: live() })
  expect(taken.ok && taken.value.length).toBe(3)
  await outcome
})
