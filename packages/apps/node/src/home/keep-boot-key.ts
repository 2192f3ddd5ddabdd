import { ok, type Result } from "@keygrove/base"
import type { BootKeyForm } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { DEFAULT_TCTI } from "@keygrove/tpm"
import { runCeremony, withoutResult } from "./ceremony-process.ts"
import { readConfig } from "./config.ts"
import type { Home } from "./home.ts"

/**
 * Has the keystore program keep a home's boot key in the open, or sealed to this machine's TPM, whether its node runs or not. When it is another key afterwards (`isNew`), the node has to say so on the ledger before its peers
 * know it by that.
 */
export async function keepHomeBootKey(
  home: Pick<Home, "bootKey" | "config">,
  form: BootKeyForm,
  options: CallOptions,
): Promise<Result<{ readonly isNew: boolean }>> {
  const config = readConfig(home.config)
  if (!config.ok) return config
  const tcti = config.value.tpm?.tcti ?? DEFAULT_TCTI
  const args = ["boot-key", "--boot-key", home.bootKey, "--tpm-tcti", tcti, "--order", JSON.stringify(form)]
  const outcome = await runCeremony(args, { passphraseSource: undefined, wordsSource: undefined }, options)
  if (!outcome.ok) return outcome
  const isNew = outcome.value.get("isNew")
  return typeof isNew === "boolean" ? ok({ isNew }) : withoutResult()
}
