import { ok, refuse, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal } from "../terminal/terminal.ts"
import { readRoot, type WordsSource } from "./root-source.ts"
import { showWords, writeWords } from "./terminal-words.ts"

export interface RootOrder {
  readonly words: WordsSource
  /** First hex digits of the cluster that they must belong to. */
  readonly cluster: string
}

/** Tells whether words, or shares, are those of a cluster; its id in full. Changes nothing. */
export async function verifyRoot(tools: KeystoreTools, order: RootOrder, options: SourceOptions): Promise<Result<ClusterId>> {
  const read = await readRoot(tools, order, options)
  if (!read.ok) return read
  using root = read.value
  return ok(root.cluster)
}

/** Shows the words of a root that was read, from shares for instance, as `init` does, or writes them to a file. */
export async function showRootWords(
  tools: KeystoreTools,
  order: RootOrder & { readonly wordsOut?: string },
  options: SourceOptions,
): Promise<Result<ClusterId>> {
  const read = await readRoot(tools, order, options)
  if (!read.ok) return read
  using root = read.value
  if (order.wordsOut !== undefined) {
    const written = writeWords(order.wordsOut, `${root.words.join(" ")}\n`)
    return written.ok ? ok(root.cluster) : written
  }
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to show the words on; give --words-out FILE")
  const shown = await showWords(root.words, terminal, { random: tools.random, signal: options.signal })
  return shown.ok ? ok(root.cluster) : shown
}
