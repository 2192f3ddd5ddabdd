import { createHash } from "node:crypto"
import { decodeTpmAttestationKey, MAX_TPM_ATTEST_BYTES, MAX_TPM_SIGNATURE_BYTES, type TpmQuote } from "@keygrove/attestation"
import { ok, refuse, toHex, type Result } from "@keygrove/base"
import {
  assertPcrs,
  assertQuoteOrder,
  Turns,
  type Attester,
  type AttesterEnrolment,
  type AttesterMeasurement,
  type AttesterMemory,
  type AttesterRefusal,
  type CallOptions,
  type QuoteOrder,
} from "@keygrove/service"
import { decodeKeptKey, encodeKeptKey, publicAreaOf, type KeptKey } from "./kept-key.ts"
import { TpmWorkplace } from "./workplace.ts"

type Answer<T> = Promise<Result<T, AttesterRefusal>>

/** Where the TPM is when the settings do not say: Linux's resource manager, which programs share. */
export const DEFAULT_TCTI = "device:/dev/tpmrm0"

/** An attester over one TPM. */
export interface TpmAttesterOptions {
  /** As tpm2-tools take it, e.g. `device:/dev/tpmrm0` or `swtpm:path=/run/swtpm.sock`. */
  readonly tcti: string
  readonly memory: AttesterMemory
}

const PCR_BYTES = 32
/** The endorsement hierarchy, because the counters in a quote of any other are masked (TPM 2.0 Library, Part 3, §18.1); clearing the TPM ends its keys too. */
const PARENT = ["-Q", "--hierarchy=e", "--key-algorithm=ecc", "--hash-algorithm=sha256", "--key-context=parent"]
const KEY_FILES = ["--public=public", "--private=private"]
const CREATE = [
  "-Q",
  "--parent-context=parent",
  "--key-algorithm=ecc256:ecdsa-sha256:null",
  "--hash-algorithm=sha256",
  "--attributes=fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda",
  ...KEY_FILES,
]
const LOAD = ["-Q", "--parent-context=parent", "--key-context=key", ...KEY_FILES]

/** An attester over a TPM 2.0, by the programs of tpm2-tools: a P-256 key below a primary one that is derived anew for each use, so nothing stays in the TPM. */
export class TpmAttester implements Attester {
  readonly #tcti: string
  readonly #memory: AttesterMemory
  readonly #turns: Turns = new Turns()

  constructor({ memory, tcti }: TpmAttesterOptions) {
    this.#memory = memory
    this.#tcti = tcti
  }

  async enrol(options: CallOptions): Answer<AttesterEnrolment> {
    return await this.#work(options, async (place) => {
      const kept = await this.#kept(options)
      if (kept.ok) {
        const loaded = await load(place, kept.value)
        if (loaded.ok) return ok({ publicArea: publicAreaOf(kept.value) })
        // Whatever may pass is no reason to give a key up.
        if (loaded.code !== "TPM_KEY_LOST") return loaded
      }
      return await this.#create(place, options)
    })
  }

  async quote(order: QuoteOrder, options: CallOptions): Answer<TpmQuote> {
    assertQuoteOrder(order)
    return await this.#work(options, async (place) => {
      const kept = await this.#kept(options)
      if (!kept.ok) return kept
      const loaded = await load(place, kept.value)
      if (!loaded.ok) return loaded
      const files = ["--message=attest", "--signature=signature"]
      const asked = [`--pcr-list=sha256:${order.pcrs.join(",")}`, `--qualification=${toHex(order.qualifyingData)}`]
      const quoted = await place.run("tpm2_quote", ["-Q", "--key-context=key", "--hash-algorithm=sha256", ...asked, ...files])
      if (!quoted.ok) return quoted
      const attest = await place.read("attest")
      if (!attest.ok) return attest
      const signature = await place.read("signature")
      if (!signature.ok) return signature
      if (attest.value.length > MAX_TPM_ATTEST_BYTES || signature.value.length > MAX_TPM_SIGNATURE_BYTES)
        return refuse("TPM_FAILED", `the TPM's quote has ${attest.value.length} bytes and ${signature.value.length} of signature: too long`)
      return ok({ attest: attest.value, signature: signature.value })
    })
  }

  async measure(pcrs: readonly number[], options: CallOptions): Answer<AttesterMeasurement> {
    assertPcrs(pcrs)
    return await this.#work(options, async (place) => {
      const read = await place.run("tpm2_pcrread", ["-Q", "--output=values", `sha256:${pcrs.join(",")}`])
      if (!read.ok) return read
      const bytes = await place.read("values")
      if (!bytes.ok) return bytes
      if (bytes.value.length !== pcrs.length * PCR_BYTES)
        return refuse(
          "TPM_FAILED",
          `the TPM gave ${bytes.value.length} bytes for ${pcrs.length} registers: its SHA-256 bank is switched off; switch it on in the firmware`,
        )
      const values = pcrs.map((_, at) => bytes.value.slice(at * PCR_BYTES, (at + 1) * PCR_BYTES))
      return ok({ pcrs: [...pcrs], pcrDigest: Uint8Array.from(createHash("sha256").update(bytes.value).digest()), values })
    })
  }

  async #work<T>(options: CallOptions, use: (place: TpmWorkplace) => Answer<T>): Answer<T> {
    return await this.#turns.take("tpm", async () => await TpmWorkplace.use(this.#tcti, options, use))
  }

  async #kept(options: CallOptions): Answer<KeptKey> {
    const bytes = await this.#memory.read(options)
    if (bytes === undefined) return refuse("TPM_NOT_ENROLLED", "this machine has no attestation key yet; enrol it first")
    return decodeKeptKey(bytes)
  }

  async #create(place: TpmWorkplace, options: CallOptions): Answer<AttesterEnrolment> {
    const parent = await place.run("tpm2_createprimary", PARENT)
    if (!parent.ok) return parent
    const created = await place.run("tpm2_create", CREATE)
    if (!created.ok) return created
    const publicPart = await place.read("public")
    if (!publicPart.ok) return publicPart
    const privatePart = await place.read("private")
    if (!privatePart.ok) return privatePart
    const key = { public: publicPart.value, private: privatePart.value }
    const judged = decodeTpmAttestationKey(publicAreaOf(key))
    if (!judged.ok) return refuse("TPM_FAILED", `the TPM made another key than was asked for: ${judged.message}`)
    await this.#memory.write(encodeKeptKey(key), options)
    return ok({ publicArea: publicAreaOf(key) })
  }
}

/** Has the TPM unwrap a key, to be used as `key` by the next tool. */
async function load(place: TpmWorkplace, key: KeptKey): Answer<true> {
  const parent = await place.run("tpm2_createprimary", PARENT)
  if (!parent.ok) return parent
  await place.write("public", key.public)
  await place.write("private", key.private)
  return await place.run("tpm2_load", LOAD)
}
