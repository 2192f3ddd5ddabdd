import { integerShape, ok, type CborValue, type Result, type Shape } from "@keygrove/base"
import type { KeystoreTools, SourceOptions } from "@keygrove/keystore"
import { shareRoot, showRootWords, verifyRoot, type WordsSource } from "@keygrove/keystore/ceremony"
import * as v from "valibot"
import { readArgument } from "./ceremony-argument.ts"

/** What the command line asks to do with the root, as one argument: JSON of what is public. */
export interface RootArgument {
  /** First hex digits of the cluster that the words must belong to. */
  readonly cluster: string
  readonly act:
    | { readonly kind: "verify" }
    | { readonly kind: "words"; readonly out?: string }
    | { readonly kind: "shares"; readonly threshold: number; readonly count: number; readonly out?: string }
}

const out = v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)))
const shape: Shape<RootArgument> = v.strictObject({
  cluster: v.pipe(v.string(), v.regex(/^[0-9a-f]{8,64}$/)),
  act: v.variant("kind", [
    v.strictObject({ kind: v.literal("verify") }),
    v.strictObject({ kind: v.literal("words"), out }),
    v.strictObject({ kind: v.literal("shares"), threshold: integerShape(1, 16), count: integerShape(1, 16), out }),
  ]),
})

/** Reads the root's words and does one thing with them; needs no home and changes none. The answer has the cluster's id. */
export async function rootMode(
  tools: KeystoreTools,
  { argument, words }: { readonly argument: string; readonly words: WordsSource },
  options: SourceOptions,
): Promise<Result<CborValue>> {
  const asked = readArgument(argument, shape)
  if (!asked.ok) return asked
  const { act, cluster } = asked.value
  if (act.kind === "shares") {
    const { count, out: directory, threshold } = act
    const order = { words, cluster, sharing: { threshold, count }, ...(directory === undefined ? {} : { out: directory }) }
    const shared = await shareRoot(tools, order, options)
    return shared.ok ? ok({ cluster: shared.value.cluster, files: [...shared.value.files] }) : shared
  }
  const found =
    act.kind === "verify"
      ? await verifyRoot(tools, { words, cluster }, options)
      : await showRootWords(tools, { words, cluster, ...(act.out === undefined ? {} : { wordsOut: act.out }) }, options)
  return found.ok ? ok({ cluster: found.value }) : found
}
