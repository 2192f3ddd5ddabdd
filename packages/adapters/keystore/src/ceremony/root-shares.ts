import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal, type PromptOptions } from "../terminal/terminal.ts"
import { readRoot, type WordsSource } from "./root-source.ts"
import { encodeShare, type Share } from "./slip39/share.ts"
import { makeShares, ShareSet, type Sharing } from "./slip39/share-set.ts"
import { firstWrong, grid, MAX_TRIES, writeWords } from "./terminal-words.ts"
import { entropyOfWords } from "./words.ts"

/** Words asked back of each share. */
const ASKED_BACK = 2

export interface SharesOrder {
  readonly words: WordsSource
  /** First hex digits of the cluster that the words must belong to. */
  readonly cluster: string
  readonly sharing: Sharing
  /** Directory for one file a share, instead of the terminal. */
  readonly out?: string
}

/** What is known of shares that were given out: nothing secret. */
export interface SharesOutcome {
  readonly cluster: ClusterId
  /** Paths, when they were written. */
  readonly files: readonly string[]
}

/**
 * Splits the entropy of the words into SLIP-39 shares, checks that they give it back, and shows them, one to a screen, or writes them. Shares and words are two forms of one
 * root. Both are strings, so the process must end afterwards.
 */
export async function shareRoot(tools: KeystoreTools, order: SharesOrder, options: SourceOptions): Promise<Result<SharesOutcome>> {
  const { out, sharing } = order
  const read = await readRoot(tools, order, options)
  if (!read.ok) return read
  using root = read.value
  using entropy = entropyOfWords(root.words)
  using stack = new DisposableStack()
  const shares = makeShares(entropy, sharing, tools.random).map((share) => stack.use(share))
  const texts = shares.map((share) => encodeShare(share))
  for (const tried of [shares.slice(0, sharing.threshold), shares.slice(-sharing.threshold)])
    if (!givesBack(tried, entropy)) throw new Error("shares that were just made do not give back their secret")
  if (out !== undefined) {
    const written = writeShares(out, texts, { sharing, cluster: root.cluster })
    return written.ok ? ok({ cluster: root.cluster, files: written.value }) : written
  }
  const shown = await showShares(texts, { sharing, cluster: root.cluster }, { random: tools.random, signal: options.signal })
  return shown.ok ? ok({ cluster: root.cluster, files: [] }) : shown
}

/** A share that is kept wrong is noticed years later: what was made is combined once before anybody writes it down. */
function givesBack(shares: readonly Share[], entropy: Secret): boolean {
  using set = new ShareSet()
  for (const share of shares) {
    const value = share.value.copy()
    set.add({ ...share, value, [Symbol.dispose]: () => value[Symbol.dispose]() })
  }
  const combined = set.combine()
  if (!combined.ok) return false
  using secret = combined.value
  return secret.equals(entropy)
}

interface SharesFacts {
  readonly sharing: Sharing
  readonly cluster: ClusterId
}

/** One share to a screen, so that each can be given to another person. */
async function showShares(
  texts: readonly (readonly string[])[],
  { cluster, sharing }: SharesFacts,
  options: PromptOptions & { readonly random: KeystoreTools["random"] },
): Promise<Result<true>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("WORDS_UNREADABLE", "there is no terminal to show the shares on; give --out DIR")
  for (const [index, words] of texts.entries()) {
    const name = `share ${index + 1} of ${sharing.count}`
    const ready = await terminal.askText(
      `Press Enter when ${index === 0 ? "you are" : "the next person is"} ready to write down ${name}. `,
      options,
    )
    if (!ready.ok) return stopped(ready, index)
    terminal.clear()
    terminal.say(`${heading(name, sharing)}\nCluster ${cluster}\n\n${grid(words)}\n\n`)
    const wrong = await firstWrong({ words, count: ASKED_BACK }, terminal, options)
    terminal.clear()
    if (!wrong.ok) return stopped(wrong, index + 1)
    if (wrong.value !== undefined) return unconfirmed(wrong.value, index)
    terminal.say(`${name} is confirmed.\n`)
  }
  return ok(true)
}

/** `seen`: how many shares were on the screen. */
function stopped(refusal: Refusal, seen: number): Refusal {
  return seen === 0 ? refusal : refuse(refusal.code, `stopped after ${seen} of the shares; destroy what was written down and run it again`)
}

function unconfirmed(position: number, index: number): Result<never> {
  const written = index === 0 ? "the share" : `shares 1 to ${index + 1}`
  return refuse(
    "WORDS_NOT_CONFIRMED",
    `word ${position} of share ${index + 1} was not the one shown, ${MAX_TRIES} times; destroy ${written} and run it again`,
  )
}

/** One file a share, all or none. */
function writeShares(
  directory: string,
  texts: readonly (readonly string[])[],
  { cluster, sharing }: SharesFacts,
): Result<readonly string[]> {
  using undo = new DisposableStack()
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return refuse("WORDS_OUT_EXISTS", `${directory} cannot be made (${code}); name another directory`)
  }
  const paths: string[] = []
  for (const [index, words] of texts.entries()) {
    const name = `share ${index + 1} of ${sharing.count}`
    const path = join(directory, `share-${index + 1}-of-${sharing.count}.txt`)
    const remarks = [
      `Keygrove: ${heading(name, sharing)}`,
      `Cluster ${cluster}`,
      "Recover with: keygrove init --recover --shares-file FILE …",
    ]
    const written = writeWords(path, `${remarks.map((line) => `# ${line}\n`).join("")}${grid(words)}\n`)
    if (!written.ok) return written
    undo.adopt(path, (made) => rmSync(made, { force: true }))
    paths.push(path)
  }
  undo.move()
  return ok(paths)
}

function heading(name: string, { count, threshold }: Sharing): string {
  const use =
    threshold === 1 ? "It alone opens the root key." : `Any ${threshold} of the ${count} open the root key, fewer tell nothing of it.`
  return `${name}. ${use} Keep it apart from the others.`
}
