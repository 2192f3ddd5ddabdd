import { createHash } from "node:crypto"
import { decodeTpmAttestationKey, verifyTpmQuote, type TpmMeasurement } from "@keygrove/attestation"
import { unwrap, utf8 } from "@keygrove/base"
import { verifyDeviceSignature } from "@keygrove/curves-native"
import { describe, expect, test } from "vitest"
import type { Attester, AttesterMemory } from "./attester.ts"

/** One TPM, and attesters over it. */
export interface AttesterSubject extends AsyncDisposable {
  /** An attester of that TPM, as after a restart of its process. */
  attester(memory: AttesterMemory): Attester
  /** Extends a register by SHA-256 of the text. */
  extend(pcr: number, text: string): Promise<void>
  /** Starts the machine anew. */
  reboot(): Promise<void>
  /** Has the TPM forget its owner. */
  clear(): Promise<void>
}

const options = { signal: new AbortController().signal }
const nonce = sha256(utf8("first"))
/** More than a TPM tells at once. */
const pcrs = [0, 1, 2, 3, 4, 5, 6, 7, 10, 16, 23]
const KERNEL = pcrs.indexOf(10)

/** Declares what every attester must do. */
export function attesterContract(name: string, open: () => Promise<AttesterSubject>): void {
  describe(`an attester, ${name}`, () => {
    test("has a key after it enrolled, and the same one after a restart", async () => {
      await using subject = await open()
      const memory = memoryInProcess()
      const attester = subject.attester(memory)
      expect(await attester.quote({ qualifyingData: nonce, pcrs }, options)).toMatchObject({ code: "TPM_NOT_ENROLLED" })
      const { publicArea } = unwrap(await attester.enrol(options))
      expect(unwrap(await attester.enrol(options)).publicArea).toEqual(publicArea)
      const later = subject.attester(memory)
      expect(unwrap(await later.enrol(options)).publicArea).toEqual(publicArea)
      const other = unwrap(await subject.attester(memoryInProcess()).enrol(options))
      expect(other.publicArea).not.toEqual(publicArea)
      const measured = await verified(later, publicArea)
      expect(measured).toMatchObject({ pcrs, resetCount: expect.any(Number), isClockSafe: expect.any(Boolean) })
      expect(decodeTpmAttestationKey(other.publicArea).ok).toBe(true)
      const quote = unwrap(await later.quote({ qualifyingData: nonce, pcrs }, options))
      const foreign = { attestationKey: unwrap(decodeTpmAttestationKey(other.publicArea)), qualifyingData: nonce }
      expect(verifyTpmQuote(verifyDeviceSignature, quote, foreign)).toMatchObject({ code: "TPM_SIGNATURE_WRONG" })
      const stale = { attestationKey: unwrap(decodeTpmAttestationKey(publicArea)), qualifyingData: sha256(utf8("second")) }
      expect(verifyTpmQuote(verifyDeviceSignature, quote, stale)).toMatchObject({ code: "TPM_QUOTE_NONCE" })
    })

    test("quotes what it measures, and what was extended since", async () => {
      await using subject = await open()
      const attester = subject.attester(memoryInProcess())
      const { publicArea } = unwrap(await attester.enrol(options))
      const before = unwrap(await attester.measure(pcrs, options))
      expect(before.pcrs).toEqual(pcrs)
      expect(before.values.map(({ length }) => length)).toEqual(pcrs.map(() => 32))
      expect(before.pcrDigest).toEqual(sha256(...before.values))
      expect((await verified(attester, publicArea)).pcrDigest).toEqual(before.pcrDigest)
      await subject.extend(10, "a kernel")
      const after = unwrap(await attester.measure(pcrs, options))
      expect(after.values[KERNEL]).toEqual(sha256(before.values[KERNEL] ?? new Uint8Array(0), sha256(utf8("a kernel"))))
      expect(after.values.toSpliced(KERNEL, 1)).toEqual(before.values.toSpliced(KERNEL, 1))
      expect((await verified(attester, publicArea)).pcrDigest).toEqual(after.pcrDigest)
    })

    test("counts starts of the machine, with the same key", async () => {
      await using subject = await open()
      const attester = subject.attester(memoryInProcess())
      const { publicArea } = unwrap(await attester.enrol(options))
      await subject.extend(10, "a kernel")
      const [before, changed] = [await verified(attester, publicArea), unwrap(await attester.measure([10], options))]
      await subject.reboot()
      expect((await verified(attester, publicArea)).resetCount).toBe(before.resetCount + 1)
      expect(unwrap(await attester.measure([10], options)).pcrDigest).not.toEqual(changed.pcrDigest)
    })

    test("says so when the TPM was cleared, and enrols with another key then", async () => {
      await using subject = await open()
      const attester = subject.attester(memoryInProcess())
      const { publicArea } = unwrap(await attester.enrol(options))
      await subject.clear()
      expect(await attester.quote({ qualifyingData: nonce, pcrs }, options)).toMatchObject({ code: "TPM_KEY_LOST" })
      const again = unwrap(await attester.enrol(options))
      expect(again.publicArea).not.toEqual(publicArea)
      await verified(attester, again.publicArea)
    })

    test("does several things that are asked at once, and nothing that is not wanted any more", async () => {
      await using subject = await open()
      const attester = subject.attester(memoryInProcess())
      const { publicArea } = unwrap(await attester.enrol(options))
      await Promise.all([0, 1].map(async () => await verified(attester, publicArea)))
      const reason = new Error("enough")
      const ended = { signal: AbortSignal.abort(reason) }
      await expect(attester.quote({ qualifyingData: nonce, pcrs }, ended)).rejects.toBe(reason)
      await expect(attester.measure(pcrs, ended)).rejects.toBe(reason)
      await expect(attester.enrol(ended)).rejects.toBe(reason)
      await verified(attester, publicArea)
    })

    test("takes no other registers and nonces than there are", async () => {
      await using subject = await open()
      const attester = subject.attester(memoryInProcess())
      for (const wrong of [[], [24], [-1], [0.5], [1, 0], [3, 3]]) {
        await expect(attester.measure(wrong, options)).rejects.toThrow(RangeError)
        await expect(attester.quote({ qualifyingData: nonce, pcrs: wrong }, options)).rejects.toThrow(RangeError)
      }
      for (const length of [0, 31, 33])
        await expect(attester.quote({ qualifyingData: new Uint8Array(length), pcrs }, options)).rejects.toThrow(RangeError)
    })
  })
}

/** Keeps bytes as long as the object lives. */
export function memoryInProcess(): AttesterMemory {
  let kept: Uint8Array | undefined
  return {
    read: async () => await Promise.resolve(kept),
    write: async (bytes) => {
      kept = Uint8Array.from(bytes)
      await Promise.resolve()
    },
  }
}

/** A quote of {@link pcrs} that holds, and what it says. */
async function verified(attester: Attester, publicArea: Uint8Array): Promise<TpmMeasurement> {
  const quote = unwrap(await attester.quote({ qualifyingData: nonce, pcrs }, options))
  const attestationKey = unwrap(decodeTpmAttestationKey(publicArea))
  return unwrap(verifyTpmQuote(verifyDeviceSignature, quote, { attestationKey, qualifyingData: nonce }))
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}
