import { ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import type { TpmQuote } from "@keygrove/attestation"
import { nativePrimitives } from "@keygrove/curves-native"
import { clusterIdOf, decodeNodePath } from "@keygrove/hierarchy"
import { unlockEvidenceBytes, type EvidenceDemand } from "@keygrove/pieces"
import { expect, test } from "vitest"
import type { Attester, AttesterRefusal, QuoteOrder } from "../ports/attester.ts"
import { EvidenceRound } from "./evidence-round.ts"

const { signal } = new AbortController()
const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const demand: EvidenceDemand = { family: "tpm2", attestationKey: bytes(1), pcrs: [0, 7], digests: [bytes(2)] }
const unlock = {
  cluster: clusterIdOf(nativePrimitives, bytes(3)),
  owner: unwrap(decodeNodePath("/a")),
  bootSigningKey: bytes(4),
  request: bytes(5),
}
const sealingKey = bytes(6)

/** A TPM whose quotes end when the test says so. */
class SlowTpm implements Pick<Attester, "quote"> {
  readonly orders: QuoteOrder[] = []
  #ends: ((quote: Result<TpmQuote, AttesterRefusal>) => void)[] = []

  async quote(order: QuoteOrder): Promise<Result<TpmQuote, AttesterRefusal>> {
    this.orders.push(order)
    return await new Promise((resolve) => this.#ends.push(resolve))
  }

  end(quote: Result<TpmQuote, AttesterRefusal> = ok({ attest: bytes(7), signature: bytes(8) })): void {
    this.#ends.shift()?.(quote)
  }
}

function roundOf(tpm: SlowTpm, holders: number, needed: number, until = signal): EvidenceRound {
  const never = async (): Promise<never> => await Promise.reject(new TypeError("a round only quotes"))
  const attester: Attester = { quote: async (order) => await tpm.quote(order), enrol: never, measure: never }
  return new EvidenceRound({ attester, primitives: nativePrimitives, unlock, demand, sealingKey }, { holders, needed }, { signal: until })
}

function qualifyingData(...nonces: readonly Uint8Array[]): string {
  return toHex(nativePrimitives.sha256(unlockEvidenceBytes(unlock, { nonces, sealingKey })))
}

test("one quote is for all that came before it, when as many came as are needed; the next for who came meanwhile", async () => {
  const tpm = new SlowTpm()
  const round = roundOf(tpm, 5, 2)
  const first = round.show(bytes(11))
  expect(tpm.orders).toEqual([])
  const second = round.show(bytes(12))
  const [third, fourth] = [round.show(bytes(13)), round.show(bytes(14))]
  expect(tpm.orders.map((order) => toHex(order.qualifyingData))).toEqual([qualifyingData(bytes(11), bytes(12))])
  expect(tpm.orders[0]?.pcrs).toEqual([0, 7])
  tpm.end()
  const evidence = { sealingKey, attest: bytes(7), signature: bytes(8) }
  expect(await first).toEqual(ok({ ...evidence, nonces: [bytes(11), bytes(12)] }))
  expect(await second).toEqual(await first)
  expect(tpm.orders.map((order) => toHex(order.qualifyingData)).slice(1)).toEqual([qualifyingData(bytes(13), bytes(14))])
  tpm.end()
  expect(await third).toEqual(ok({ ...evidence, nonces: [bytes(13), bytes(14)] }))
  expect(await fourth).toEqual(await third)
  expect(round.refusal).toBeUndefined()
})

test("fewer than are needed are shown a quote once nobody else will come", async () => {
  const tpm = new SlowTpm()
  const round = roundOf(tpm, 3, 2)
  round.miss()
  const only = round.show(bytes(11))
  expect(tpm.orders).toEqual([])
  round.miss()
  expect(tpm.orders).toHaveLength(1)
  tpm.end()
  expect(await only).toMatchObject({ ok: true, value: { nonces: [bytes(11)] } })
})

test("what the TPM refuses is told to all, and it is not asked again in this round", async () => {
  const tpm = new SlowTpm()
  const round = roundOf(tpm, 3, 1)
  const first = round.show(bytes(11))
  const second = round.show(bytes(12))
  tpm.end(refuse("TPM_KEY_LOST", "it is another machine"))
  for (const shown of [await first, await second, await round.show(bytes(13))])
    expect(shown).toMatchObject({ ok: false, code: "TPM_KEY_LOST" })
  expect(tpm.orders).toHaveLength(1)
  expect(round.refusal).toMatchObject({ code: "TPM_KEY_LOST" })
})

test("what an attester throws is a refusal, unless nobody waits any more", async () => {
  const broken = new SlowTpm()
  broken.quote = async () => await Promise.reject(new Error("EACCES"))
  expect(await roundOf(broken, 1, 1).show(bytes(11))).toMatchObject({
    ok: false,
    code: "TPM_FAILED",
    message: expect.stringContaining("EACCES") as unknown,
  })
  const reason = new Error("enough")
  await expect(roundOf(broken, 1, 1, AbortSignal.abort(reason)).show(bytes(11))).rejects.toBe(reason)
})
