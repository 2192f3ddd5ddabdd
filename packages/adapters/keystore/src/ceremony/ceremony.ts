import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { KeygroveError, ok, refuse, type Result } from "@keygrove/base"
import type { NodeIdentity } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import { KEY_FILE_BYTES, type UnlockSecret } from "../key-encryption.ts"
import { SealedRecords } from "../sealed-records.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { readNewSecret, type SecretSource } from "../secret-source.ts"
import { Terminal, type PromptOptions } from "../terminal/terminal.ts"
import { encodeGenesis, foundNode, placeValue } from "./found-node.ts"
import { askWords, readWords, showWords, writeWords } from "./terminal-words.ts"
import { decodeWords, newWords, seedOfWords } from "./words.ts"

export interface CeremonyOrder {
  /** Name of the node, one path segment. */
  readonly name: string
  readonly unlock: SecretSource
  /** New words go to this file instead of the terminal. */
  readonly wordsOut?: string
  /** Existing words: from a descriptor, or from the terminal. */
  readonly recover?: { readonly descriptor?: number }
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
  const made = makeKeyFile(order.unlock, tools)
  if (!made.ok) return made
  const unlock = await readNewSecret(order.unlock, options)
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
  const stored = store(database, tools, { method: unlock.value.method, secret }, (records) =>
    records.put({ id: "node", kind: "node", version: 1, open: placeValue(place) }, nodeSecret),
  )
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

function store(database: DatabaseSync, tools: KeystoreTools, unlock: UnlockSecret, fill: (records: SealedRecords) => void): Result<true> {
  database.exec("BEGIN IMMEDIATE")
  try {
    const created = SealedRecords.create(database, tools, unlock)
    if (!created.ok) return created
    using records = created.value
    fill(records)
    database.exec("COMMIT")
    return ok(true)
  } finally {
    if (database.isTransaction) database.exec("ROLLBACK")
  }
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

async function existingWords(recover: NonNullable<CeremonyOrder["recover"]>, options: SourceOptions): Promise<Result<readonly string[]>> {
  if (recover.descriptor !== undefined) {
    const text = await readWords(recover.descriptor, options)
    return text.ok ? decodeWords(text.value) : text
  }
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to ask for the words on; give --words-file FILE")
  return await askWords(terminal, options)
}

/** A key file that is not there yet is made: random bytes, mode 0600. */
function makeKeyFile(source: SecretSource, tools: KeystoreTools): Result<true> {
  if (source.kind !== "key-file" || existsSync(source.path)) return ok(true)
  const bytes = tools.random(KEY_FILE_BYTES)
  try {
    writeFileSync(source.path, bytes, { flag: "wx", mode: 0o600, flush: true })
    chmodSync(source.path, 0o600)
    return ok(true)
  } catch (cause) {
    throw new KeygroveError("KEYSTORE_KEY_FILE_INVALID", `the key file ${source.path} cannot be made; check its directory`, { cause })
  } finally {
    bytes.fill(0)
  }
}
