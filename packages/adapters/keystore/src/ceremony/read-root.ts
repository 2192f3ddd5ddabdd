import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import { clusterIdOf, deriveAnchor, deriveRoot, type ClusterId } from "@keygrove/hierarchy"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { existingWords, type WordsSource } from "./ceremony.ts"
import { seedOfWords } from "./words.ts"

/** s(root) of a cluster from its words; belongs to the caller. Words of another root are refused: every 24 words with a right checksum are somebody's. */
export async function readRoot(
  { primitives }: KeystoreTools,
  { cluster, words: source }: { readonly words: WordsSource; readonly cluster: ClusterId },
  options: SourceOptions,
): Promise<Result<Secret>> {
  const words = await existingWords(source, options)
  if (!words.ok) return words
  using seed = seedOfWords(words.value)
  const root = deriveRoot(primitives, seed)
  using anchor = deriveAnchor(primitives, root)
  const found = clusterIdOf(primitives, anchor.publicKey)
  if (found === cluster) return ok(root)
  root[Symbol.dispose]()
  return refuse(
    "WORDS_OF_ANOTHER_ROOT",
    `these are the words of cluster ${found.slice(0, 16)}, not of ${cluster.slice(0, 16)}; find the right ones, nothing was done`,
  )
}
