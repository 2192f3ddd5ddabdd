import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { CarriedEvidence } from "@keygrove/peering"
import { unlockEvidenceBytes, type EvidenceDemand, type UnlockRequest } from "@keygrove/pieces"
import type { Attester } from "../ports/attester.ts"
import type { CallOptions } from "../ports/call-options.ts"

/** What the holders of a round are shown, and by what. */
export interface EvidenceSubject {
  readonly attester: Attester
  readonly primitives: Pick<Primitives, "sha256">
  readonly unlock: UnlockRequest
  readonly demand: EvidenceDemand
  readonly sealingKey: Uint8Array
}

interface Waiting {
  readonly nonce: Uint8Array
  readonly shown: PromiseWithResolvers<Result<CarriedEvidence>>
}

/**
 * Evidence for the holders that are asked in one round. A quote takes a TPM up to seconds, so one serves many: the first is made when as many nonces have come as pieces are needed, or all holders have
 * answered; whoever answers while one is made is in the next. So one holder, be it slow, off or a liar, keeps no other waiting, and there are never more quotes than holders.
 */
export class EvidenceRound {
  readonly #subject: EvidenceSubject
  readonly #options: CallOptions
  readonly #needed: number
  /** Holders that have not answered yet. */
  #absent: number
  #waiting: Waiting[] = []
  #hasBegun = false
  #isQuoting = false
  #refusal: Refusal | undefined

  constructor(subject: EvidenceSubject, { holders, needed }: { readonly holders: number; readonly needed: number }, options: CallOptions) {
    this.#subject = subject
    this.#absent = holders
    this.#needed = needed
    this.#options = options
  }

  /** Why this machine could show nothing; `undefined` when it could. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  /** Evidence about a holder's nonce, among others. Refuses as the attester does: once it did, at once. */
  async show(nonce: Uint8Array): Promise<Result<CarriedEvidence>> {
    const shown = Promise.withResolvers<Result<CarriedEvidence>>()
    this.#absent--
    this.#waiting.push({ nonce, shown })
    void this.#quoteWhenDue()
    return await shown.promise
  }

  /** A holder gives no nonce. */
  miss(): void {
    this.#absent--
    void this.#quoteWhenDue()
  }

  /** Never rejects: whoever waits gets what went wrong. */
  async #quoteWhenDue(): Promise<void> {
    if (this.#isQuoting) return
    this.#isQuoting = true
    while (this.#waiting.length > 0 && (this.#hasBegun || this.#waiting.length >= this.#needed || this.#absent <= 0)) {
      this.#hasBegun = true
      const batch = this.#waiting
      this.#waiting = []
      try {
        const evidence = await this.#quote(batch.map(({ nonce }) => nonce))
        for (const { shown } of batch) shown.resolve(evidence)
      } catch (error) {
        for (const { shown } of batch) shown.reject(error)
      }
    }
    this.#isQuoting = false
  }

  async #quote(nonces: readonly Uint8Array[]): Promise<Result<CarriedEvidence>> {
    const { attester, demand, primitives, sealingKey, unlock } = this.#subject
    if (this.#refusal !== undefined) return this.#refusal
    const qualifyingData = primitives.sha256(unlockEvidenceBytes(unlock, { nonces, sealingKey }))
    const quoted = await attester
      .quote({ qualifyingData, pcrs: demand.pcrs }, this.#options)
      .catch((error: unknown) => this.#failure(error))
    if (quoted.ok) return ok({ sealingKey, nonces, ...quoted.value })
    this.#refusal = refuse(quoted.code, quoted.message)
    return this.#refusal
  }

  /** What an attester throws, such as when its file cannot be read, is told as what it refuses. */
  #failure(error: unknown): Refusal<"TPM_FAILED"> {
    this.#options.signal.throwIfAborted()
    return refuse("TPM_FAILED", `the TPM could not be used: ${error instanceof Error ? error.message : "unknown reason"}`)
  }
}
