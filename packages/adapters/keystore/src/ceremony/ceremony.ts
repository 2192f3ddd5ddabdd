import { rmSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import type { NodeIdentity } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import type { SecretSource } from "../secret-source.ts"
import { Terminal, type PromptOptions } from "../terminal/terminal.ts"
import { encodeGenesis, foundNode } from "./found-node.ts"
import { newUnlockSecret, storeNode } from "./store-node.ts"
import { askWords, readWords, showWords, writeWords } from "./terminal-words.ts"
import { decodeWords, newWords, seedOfWords } from "./words.ts"

/** Where existing words come from: a descriptor, or the terminal. */
export interface WordsSource {
  readonly descriptor?: number
}

export interface CeremonyOrder {
  /** Name of the node, one path segment. */
  readonly name: string
  readonly unlock: SecretSource
  /** New words go to this file instead of the terminal. */
  readonly wordsOut?: string
  /** Existing words: from a descriptor, or from the terminal. */
  readonly recover?: WordsSource
  /** First hex digits of the cluster that the words must belong to. */
  readonly cluster?: string
}

/** What the ceremony makes known: nothing secret. */
export interface CeremonyOutcome {
  readonly identity: NodeIdentity
  /** Contents of the home's file `genesis`. */
  readonly genesis: Uint8Array
}

/**
 * Makes or reads the words, derives the first generation of a node, and seals it in an empty keystore database, in one transaction. The root secret is
 * wiped before anything is written; nothing on disk can rebuild it. The words pass through strings, so the process must end afterwards.
 */
export async function holdCeremony(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: CeremonyOrder,
  options: SourceOptions,
): Promise<Result<CeremonyOutcome>> {
  const unlock = await newUnlockSecret(order.unlock, tools, options)
  if (!unlock.ok) return unlock
  using secret = unlock.value.secret
  const words =
    order.recover === undefined ? await createWords(tools, order.wordsOut, options) : await existingWords(order.recover, options)
  if (!words.ok) return words
  using undo = new DisposableStack()
  // Words of a node that was not made are worth nothing, and would be in the way of the next try.
  if (order.wordsOut !== undefined) undo.adopt(order.wordsOut, (path) => rmSync(path, { force: true }))
  using seed = seedOfWords(words.value)
  const founded = foundNode(tools.primitives, seed, order.name)
  if (!founded.ok) return founded
  using nodeSecret = founded.value.nodeSecret
  const { genesis, identity, place } = founded.value
  const expected = checkCluster(place.cluster, order.cluster)
  if (!expected.ok) return expected
  const stored = storeNode(database, tools, { method: unlock.value.method, secret }, { place, nodeSecret })
  if (!stored.ok) return stored
  undo.move()
  return ok({ identity, genesis: encodeGenesis(genesis) })
}

/** Every 24 words with a right checksum are somebody's root: only its fingerprint tells whose. */
function checkCluster(cluster: string, expected: string | undefined): Result<true> {
  if (expected === undefined || cluster.startsWith(expected)) return ok(true)
  return refuse(
    "WORDS_OF_ANOTHER_ROOT",
    `these are the words of cluster ${cluster.slice(0, 16)}, not of ${expected.slice(0, 16)}; find the right ones, nothing was made`,
  )
}

async function createWords(
  tools: KeystoreTools,
  wordsOut: string | undefined,
  { signal }: PromptOptions,
): Promise<Result<readonly string[]>> {
  const words = newWords(tools.random)
  if (wordsOut !== undefined) {
    const written = writeWords(wordsOut, words)
    return written.ok ? ok(words) : written
  }
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to show the words on; give --words-out FILE")
  const shown = await showWords(words, terminal, { random: tools.random, signal })
  return shown.ok ? ok(words) : shown
}

/** The words of an existing root, checked. */
export async function existingWords(recover: WordsSource, options: SourceOptions): Promise<Result<readonly string[]>> {
  if (recover.descriptor !== undefined) {
    const text = await readWords(recover.descriptor, options)
    return text.ok ? decodeWords(text.value) : text
  }
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to ask for the words on; give --words-file FILE")
  return await askWords(terminal, options)
}
