import { rmSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { NodeIdentity } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import type { SecretSource } from "../secret-source.ts"
import { Terminal, type PromptOptions } from "../terminal/terminal.ts"
import { encodeGenesis, foundNode } from "./found-node.ts"
import { newUnlockSecret, storeNode } from "./store-node.ts"
import { existingSeed, existingWords, ofAnotherRoot, type WordsSource } from "./root-source.ts"
import { showWords, writeWords } from "./terminal-words.ts"
import type { WordsPassphraseSource } from "./words-passphrase.ts"
import { newWords } from "./words.ts"

export interface CeremonyOrder {
  /** Name of the node, one path segment. */
  readonly name: string
  readonly unlock: SecretSource
  /** New words go to this file instead of the terminal. */
  readonly wordsOut?: string
  /** An existing root instead of a new one. */
  readonly recover?: Pick<WordsSource, "descriptor" | "shares">
  /** The passphrase that belongs to the words, new or existing. */
  readonly passphrase?: WordsPassphraseSource
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
  using undo = new DisposableStack()
  // Words of a node that was not made are worth nothing, and would be in the way of the next try.
  const discard = (path: string): void => void undo.adopt(path, (made) => rmSync(made, { force: true }))
  const read = order.recover === undefined ? await newSeed(tools, order, { ...options, discard }) : await recoveredSeed(order, options)
  if (!read.ok) return read
  using seed = read.value
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
  return expected === undefined || cluster.startsWith(expected) ? ok(true) : ofAnotherRoot(cluster, expected)
}

/** Of words that are made now. Their passphrase is chosen first: who has written down 24 words must not lose them to a typing mistake. */
export async function newSeed(
  tools: KeystoreTools,
  { passphrase: source, wordsOut }: Pick<CeremonyOrder, "passphrase" | "wordsOut">,
  options: SourceOptions & { readonly discard: (path: string) => void },
): Promise<Result<Secret>> {
  const words = newWords(tools.random)
  const seed = await existingSeed(words, source === undefined ? {} : { passphrase: source }, { isChecked: false }, options)
  if (!seed.ok) return seed
  const known = wordsOut === undefined ? await show(words, tools, options) : writeWords(wordsOut, `${words.join(" ")}\n`)
  if (!known.ok) {
    seed.value[Symbol.dispose]()
    return known
  }
  if (wordsOut !== undefined) options.discard(wordsOut)
  return seed
}

async function show(words: readonly string[], { random }: KeystoreTools, { signal }: PromptOptions): Promise<Result<true>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to show the words on; give --words-out FILE")
  return await showWords(words, terminal, { random, signal })
}

async function recoveredSeed({ cluster, passphrase, recover = {} }: CeremonyOrder, options: SourceOptions): Promise<Result<Secret>> {
  const words = await existingWords(recover, options)
  if (!words.ok) return words
  const source = passphrase === undefined ? {} : { passphrase }
  return await existingSeed(words.value, source, { isChecked: cluster !== undefined }, options)
}
