import { createHash } from "node:crypto"
import type { TpmQuote } from "@keygrove/attestation"
import { concatBytes, ok, refuse, type Result } from "@keygrove/base"
import {
  assertPcrs,
  assertQuoteOrder,
  type Attester,
  type AttesterEnrolment,
  type AttesterMeasurement,
  type AttesterMemory,
  type AttesterRefusal,
  type CallOptions,
  type QuoteOrder,
} from "@keygrove/service"
import { p256 } from "@noble/curves/nist.js"
import { encodeTpmAttest, encodeTpmEccKey, encodeTpmEccSignature } from "./tpm-structures.ts"
import type { MemoryTpm } from "./tpm.ts"

/** An attester over a TPM in memory: true structures, signed by a true key, of registers that whoever has the object can extend. */
export class MemoryAttester implements Attester {
  readonly #tpm: MemoryTpm
  readonly #memory: AttesterMemory

  constructor(tpm: MemoryTpm, memory: AttesterMemory) {
    this.#tpm = tpm
    this.#memory = memory
  }

  async enrol(options: CallOptions): Promise<Result<AttesterEnrolment, AttesterRefusal>> {
    options.signal.throwIfAborted()
    const kept = await this.#memory.read(options)
    if (kept !== undefined && this.#tpm.hasKey(kept)) return ok({ publicArea: publicAreaOf(kept) })
    const handle = this.#tpm.makeKey()
    await this.#memory.write(handle, options)
    return ok({ publicArea: publicAreaOf(handle) })
  }

  async quote(order: QuoteOrder, options: CallOptions): Promise<Result<TpmQuote, AttesterRefusal>> {
    assertQuoteOrder(order)
    const measured = await this.measure(order.pcrs, options)
    if (!measured.ok) return measured
    const handle = await this.#memory.read(options)
    if (handle === undefined) return refuse("TPM_NOT_ENROLLED", "this machine has no attestation key yet; enrol it first")
    if (!this.#tpm.hasKey(handle))
      return refuse("TPM_KEY_LOST", "the TPM does not know the attestation key any more; it was cleared, or is another: enrol again")
    const { clockMs, resetCount } = this.#tpm
    const selections = [{ pcrs: order.pcrs }]
    const { pcrDigest } = measured.value
    const attest = encodeTpmAttest({ extraData: order.qualifyingData, clockMs, resetCount, selections, pcrDigest })
    return ok({ attest, signature: encodeTpmEccSignature(this.#tpm.sign(handle, attest)) })
  }

  async measure(pcrs: readonly number[], { signal }: CallOptions): Promise<Result<AttesterMeasurement, AttesterRefusal>> {
    assertPcrs(pcrs)
    signal.throwIfAborted()
    const values = pcrs.map((pcr) => this.#tpm.read(pcr))
    const pcrDigest = Uint8Array.from(
      createHash("sha256")
        .update(concatBytes(...values))
        .digest(),
    )
    return await Promise.resolve(ok({ pcrs: [...pcrs], pcrDigest, values }))
  }
}

function publicAreaOf(handle: Uint8Array): Uint8Array {
  return encodeTpmEccKey(p256.Point.fromBytes(handle).toBytes(false))
}
