import { refuse, type Result, type Secret } from "@keygrove/base"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal, type PromptOptions } from "../terminal/terminal.ts"
import { decodeShare, SHARE_WORD_COUNT, type Share } from "./slip39/share.ts"
import { nameOf, ShareSet } from "./slip39/share-set.ts"
import { MAX_TRIES, readWords, typedPhrase } from "./terminal-words.ts"
import { ENTROPY_BYTES } from "./words.ts"

/** Of one file or pipe: 16 shares of a group fit, with what stands around them. */
const MAX_FILE_BYTES = 65_536
/** Shares of all files: 16 groups of 16. */
const MAX_SHARES = 256

/** The entropy of a root from SLIP-39 shares in inherited files or pipes, of which one may hold several. Belongs to the caller. */
export async function readShares(descriptors: readonly number[], options: SourceOptions): Promise<Result<Secret>> {
  const texts: string[] = []
  for (const descriptor of descriptors) {
    const text = await readWords(descriptor, options, MAX_FILE_BYTES)
    if (!text.ok) return text
    texts.push(...shareTexts(text.value))
  }
  if (texts.length > MAX_SHARES) return refuse("SHARE_LENGTH", `${texts.length} shares were given; a set has at most ${MAX_SHARES}`)
  using set = new ShareSet()
  for (const [index, text] of texts.entries()) {
    const added = addShare(set, text)
    if (!added.ok) return refuse(added.code, `number ${index + 1} of the ${texts.length} given: ${added.message}`)
  }
  return set.combine()
}

/** The entropy of a root from shares that people type one after the other; each is cleared from the screen before the next. Belongs to the caller. */
export async function askShares(options: PromptOptions): Promise<Result<Secret>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined)
    return refuse("WORDS_UNREADABLE", "there is no terminal to ask for the shares on; give --shares-file FILE for each")
  using set = new ShareSet()
  let said = "Type the shares one after the other, each in one or more lines; an empty line ends one.\n"
  while (!set.isComplete) {
    terminal.say(said)
    const added = await askShare(set, terminal, options)
    terminal.clear()
    if (!added.ok) return added
    said = `${nameOf(added.value)} is right${set.missing === undefined ? "" : `; still needed: ${set.missing}`}.\n`
  }
  terminal.say(said)
  return set.combine()
}

async function askShare(set: ShareSet, terminal: Terminal, options: PromptOptions): Promise<Result<Share>> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const question = `Words of a share, all ${SHARE_WORD_COUNT}: `
    const text = await typedPhrase(terminal, { question, wordCount: SHARE_WORD_COUNT }, options)
    const added = text.ok ? addShare(set, text.value) : text
    if (added.ok || triesLeft === 0 || added.code === "PROMPT_INTERRUPTED") return added
    terminal.say(`${added.message}\n`)
  }
}

function addShare(set: ShareSet, text: string): Result<Share> {
  const share = decodeShare(text)
  if (!share.ok) return share
  const added = share.value.value.length === ENTROPY_BYTES ? set.add(share.value) : ofAnotherKind(share.value)
  if (added.ok) return share
  share.value[Symbol.dispose]()
  return added
}

function ofAnotherKind({ value }: Share): Result<never> {
  return refuse(
    "SHARE_LENGTH",
    `the share is of a secret of ${value.length} bytes; a root has ${ENTROPY_BYTES}, and its shares ${SHARE_WORD_COUNT} words`,
  )
}

/** What stands together in a file, between empty lines and remarks (`# …`). */
function shareTexts(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => (line.trimStart().startsWith("#") ? "" : line))
    .join("\n")
    .split(/\n\s*\n/)
    .filter((block) => block.trim() !== "")
}
