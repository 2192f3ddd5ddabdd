import { ok, type CborValue, type Result } from "@keygrove/base"
import { keepBootKey, readBootKeyForm, registersShape, type BootKeyForm, type BootSealer, type KeystoreTools } from "@keygrove/keystore"
import * as v from "valibot"
import { readArgument } from "./ceremony-argument.ts"

const orderShape = v.variant("kept", [
  v.strictObject({ kept: v.literal("plain") }),
  v.strictObject({ kept: v.literal("tpm"), pcrs: registersShape }),
])

/** What the program is told of the boot key. */
export interface BootKeyOptions {
  readonly bootKey: string | undefined
  readonly tcti: string
  readonly order: string
}

/** The TPM that a boot key may be sealed to. Its adapter is loaded when it is used. */
export function tpmSealer(tcti: string): BootSealer {
  const open = async (): Promise<BootSealer> => {
    const { TpmSealer } = await import("@keygrove/tpm")
    return new TpmSealer(tcti)
  }
  return {
    seal: async (...order) => await (await open()).seal(...order),
    unseal: async (...order) => await (await open()).unseal(...order),
  }
}

/** Has the boot key kept in another form, unless it is kept so already. The answer says whether it is another key now. */
export async function bootKeyMode(
  { bootKey = "", order, tcti }: BootKeyOptions,
  { random }: KeystoreTools,
  signal: AbortSignal,
): Promise<Result<CborValue>> {
  const form = readArgument<BootKeyForm>(order, orderShape)
  if (!form.ok) return form
  const before = readBootKeyForm(bootKey)
  if (!before.ok) return before
  // Sealed ones are sealed anew: registers may have changed with an update.
  if (before.value?.kept === "plain" && form.value.kept === "plain") return ok({ isNew: false })
  const kept = await keepBootKey(bootKey, form.value, { random, sealer: tpmSealer(tcti) }, { signal })
  return kept.ok ? ok({ isNew: kept.value.isNew }) : kept
}
