import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import { assertPcrs, Turns, type AttesterRefusal, type CallOptions } from "@keygrove/service"
import { decodeKeptKey, encodeKeptKey } from "./kept-key.ts"
import { TpmWorkplace } from "./workplace.ts"

/** Codes of a TPM that does not seal or unseal. */
export type SealerRefusal = AttesterRefusal | "TPM_REGISTERS_CHANGED"

type Answer<T> = Promise<Result<T, SealerRefusal>>

/** Longest secret that is sealed, in bytes: what a TPM takes at once. */
export const MAX_TPM_SECRET_BYTES = 128

/** The owner's hierarchy: whoever clears the TPM ends what was sealed. */
const PARENT = ["-Q", "--hierarchy=o", "--key-algorithm=ecc", "--hash-algorithm=sha256", "--key-context=parent"]
const FILES = ["--public=public", "--private=private"]
const LOAD = ["-Q", "--parent-context=parent", "--key-context=sealed", ...FILES]
/** TPM_RC_POLICY_FAIL, a code of format one. */
const POLICY_FAILED = 0x09d
const FORMAT_ONE_BITS = 0x0bf

/**
 * Seals secrets to one TPM, by the programs of tpm2-tools: only it opens them, and, where registers are given, only while these are what they were. A secret goes to the tools and comes from them through pipes; it is in no
 * argument, variable or file. Nothing stays in the TPM.
 */
export class TpmSealer {
  readonly #tcti: string
  readonly #turns: Turns = new Turns()

  constructor(tcti: string) {
    this.#tcti = tcti
  }

  /** What opens to the secret (borrowed, at most 128 bytes): at most 2 KiB, and of no use without this TPM. */
  async seal(secret: Secret, pcrs: readonly number[], options: CallOptions): Answer<Uint8Array> {
    if (pcrs.length > 0) assertPcrs(pcrs)
    if (secret.length === 0 || secret.length > MAX_TPM_SECRET_BYTES)
      throw new RangeError(`secret must have 1 to ${MAX_TPM_SECRET_BYTES} bytes, got ${secret.length}`)
    return await this.#work(options, async (place) => {
      const rules = await rulesOf(place, pcrs)
      if (!rules.ok) return rules
      const parent = await place.run("tpm2_createprimary", PARENT)
      if (!parent.ok) return parent
      const args = ["-Q", "--parent-context=parent", "--hash-algorithm=sha256", "--sealing-input=-", ...rules.value, ...FILES]
      const created = await place.run("tpm2_create", args, secret)
      if (!created.ok) return created
      const publicPart = await place.read("public")
      if (!publicPart.ok) return publicPart
      const privatePart = await place.read("private")
      return privatePart.ok ? ok(encodeKeptKey({ public: publicPart.value, private: privatePart.value })) : privatePart
    })
  }

  /** Inverse of {@link TpmSealer.seal}; belongs to the caller. Refuses `TPM_KEY_LOST` on another TPM, or a cleared one, and `TPM_REGISTERS_CHANGED`. */
  async unseal(sealed: Uint8Array, pcrs: readonly number[], options: CallOptions): Answer<Secret> {
    if (pcrs.length > 0) assertPcrs(pcrs)
    const kept = decodeKeptKey(sealed)
    if (!kept.ok) return kept
    return await this.#work(options, async (place) => {
      const parent = await place.run("tpm2_createprimary", PARENT)
      if (!parent.ok) return parent
      await place.write("public", kept.value.public)
      await place.write("private", kept.value.private)
      const loaded = await place.run("tpm2_load", LOAD)
      if (!loaded.ok) return loaded
      const shown = pcrs.length === 0 ? [] : [`--auth=pcr:sha256:${pcrs.join(",")}`]
      const opened = await place.runSecret("tpm2_unseal", ["--object-context=sealed", ...shown])
      return opened.ok || !isPolicyFailure(opened) ? opened : changed(pcrs)
    })
  }

  async #work<T>(options: CallOptions, use: (place: TpmWorkplace) => Answer<T>): Answer<T> {
    return await this.#turns.take("tpm", async () => await TpmWorkplace.use(this.#tcti, options, use))
  }
}

/** What may open a secret: its registers, or the key above it alone. */
async function rulesOf(place: TpmWorkplace, pcrs: readonly number[]): Answer<readonly string[]> {
  const attributes = "--attributes=fixedtpm|fixedparent|noda"
  if (pcrs.length === 0) return ok([`${attributes}|userwithauth`])
  const made = await place.run("tpm2_createpolicy", ["-Q", "--policy-pcr", `--pcr-list=sha256:${pcrs.join(",")}`, "--policy=policy"])
  return made.ok ? ok([attributes, "--policy=policy"]) : made
}

function isPolicyFailure({ data }: Refusal): boolean {
  return typeof data?.["observed"] === "string" && (Number(data["observed"]) & FORMAT_ONE_BITS) === POLICY_FAILED
}

function changed(pcrs: readonly number[]): Refusal<"TPM_REGISTERS_CHANGED"> {
  return refuse(
    "TPM_REGISTERS_CHANGED",
    `the TPM's registers ${pcrs.join(", ")} are not what they were when it sealed this; another system was started`,
  )
}
