import { resolve } from "node:path"
import { ok, type Result } from "@keygrove/base"
import type { CallOptions } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments, type WordsSources } from "./ceremony-process.ts"

/** What is done with the root's words. */
export type RootAct =
  | { readonly kind: "verify" }
  /** Shows them, or writes them to the new file `out`. */
  | { readonly kind: "words"; readonly out?: string }
  /** Shows SLIP-39 shares, or writes them to files in the directory `out`. */
  | { readonly kind: "shares"; readonly threshold: number; readonly count: number; readonly out?: string }

export interface RootOptions extends WordsSources {
  /** Id, or its first hex digits, of the cluster that the words must belong to. */
  readonly cluster: string
  readonly act: RootAct
}

export interface RootOutcome {
  /** Id of the cluster of these words. */
  readonly cluster: string
  /** Files with shares, when they were written. */
  readonly files: readonly string[]
}

/** Runs the keystore program's ceremony that reads the words of the root, or shares of them, does one thing and ends. No home is needed and none is changed. */
export async function openRoot(options: RootOptions, call: CallOptions): Promise<Result<RootOutcome>> {
  const { act, cluster } = options
  const placed = act.kind === "verify" || act.out === undefined ? act : { ...act, out: resolve(act.out) }
  const order = JSON.stringify({ cluster, act: placed })
  const args = ["root", "--order", order, ...recoverArguments(options), ...wordsPassphraseArguments(options)]
  const outcome = await runCeremony(args, { ...options, passphraseSource: undefined }, call)
  if (!outcome.ok) return outcome
  const [found, files] = [outcome.value.get("cluster"), outcome.value.get("files")]
  if (typeof found !== "string") return withoutResult()
  return ok({ cluster: found, files: Array.isArray(files) ? files.filter((file) => typeof file === "string") : [] })
}
