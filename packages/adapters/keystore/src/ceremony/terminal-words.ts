import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { ok, refuse, type RandomBytes, type Result } from "@keygrove/base"
import { untilReadable, type SourceOptions } from "../inherited-source.ts"
import type { PromptOptions, PromptRefusal, Terminal } from "../terminal/terminal.ts"
import { decodeWords, WORD_COUNT, type WordsRefusal } from "./words.ts"

/** Words asked back of the 24. */
const ASKED_BACK = 3
/** Wrong answers allowed for one word, and wrong phrases for a recovery, before it is given up. */
export const MAX_TRIES = 3
const MAX_WORDS_BYTES = 4_096

/** Shows the words once, asks some of them back, and clears them from the screen, whatever came of it. */
export async function showWords(
  words: readonly string[],
  terminal: Terminal,
  options: PromptOptions & { readonly random: RandomBytes },
): Promise<Result<true, "WORDS_NOT_CONFIRMED" | PromptRefusal>> {
  terminal.say(
    `\nThese 24 words are your root key. Write them on paper now; they are shown once and are the only\nbackup of everything.\n\n${grid(words)}\n\n`,
  )
  const wrong = await firstWrong({ words, count: ASKED_BACK }, terminal, options)
  terminal.clear()
  if (!wrong.ok) return wrong
  if (wrong.value !== undefined)
    return refuse(
      "WORDS_NOT_CONFIRMED",
      `word ${wrong.value} was not the one shown, ${MAX_TRIES} times; run it again and write the words down, nothing was made`,
    )
  terminal.say("The words are confirmed.\n")
  return ok(true)
}

/** Numbered words, four in a row. */
export function grid(words: readonly string[]): string {
  return Array.from({ length: Math.ceil(words.length / 4) }, (_, row) =>
    words
      .slice(4 * row, 4 * row + 4)
      .map((word, column) => `${String(4 * row + column + 1).padStart(2)}. ${word.padEnd(10)}`)
      .join("  ")
      .trimEnd(),
  ).join("\n")
}

/** Asks `count` of the words back, each a few times; the number of the first that stayed wrong, `undefined` when all were right. */
export async function firstWrong(
  { count, words }: { readonly words: readonly string[]; readonly count: number },
  terminal: Terminal,
  { random, signal }: PromptOptions & { readonly random: RandomBytes },
): Promise<Result<number | undefined, "PROMPT_INTERRUPTED">> {
  for (const position of positions(words.length, count, random)) {
    const isRight = await askBack(words[position] ?? "", position, terminal, { signal })
    if (!isRight.ok) return isRight
    if (!isRight.value) return ok(position + 1)
  }
  return ok(undefined)
}

async function askBack(
  word: string,
  position: number,
  terminal: Terminal,
  options: PromptOptions,
): Promise<Result<boolean, "PROMPT_INTERRUPTED">> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const typed = await terminal.askText(`Word ${position + 1}: `, options)
    if (typed.ok && typed.value.trim().toLowerCase() === word) return ok(true)
    if (!typed.ok && typed.code === "PROMPT_INTERRUPTED") return refuse("PROMPT_INTERRUPTED", typed.message)
    if (triesLeft === 0) return ok(false)
    terminal.say(`That is not word ${position + 1}; look at your paper (${triesLeft} more ${triesLeft === 1 ? "try" : "tries"}).\n`)
  }
}

/** Asks for the words on the terminal, with echo, in one or more lines; a phrase that cannot be right is asked for again. */
export async function askWords(
  terminal: Terminal,
  options: PromptOptions,
): Promise<Result<readonly string[], WordsRefusal | "WORDS_UNREADABLE" | PromptRefusal>> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const text = await typedPhrase(terminal, { question: "Recovery words, all 24: ", wordCount: WORD_COUNT }, options)
    const words = text.ok ? decodeWords(text.value) : text
    if (words.ok || triesLeft === 0 || words.code === "PROMPT_INTERRUPTED") {
      terminal.clear()
      return words
    }
    terminal.say(`${words.message}\n`)
  }
}

/** Lines until there are as many words as asked for, or an empty one. */
export async function typedPhrase(
  terminal: Terminal,
  { question, wordCount }: { readonly question: string; readonly wordCount: number },
  options: PromptOptions,
): Promise<Result<string, PromptRefusal>> {
  let text = ""
  for (;;) {
    const line = await terminal.askText(text === "" ? question : "… ", options)
    if (!line.ok) return line
    text += `${line.value} `
    const count = text.split(/[\s\d.,]+/u).filter((word) => word !== "").length
    if (line.value.trim() === "" || count >= wordCount || text.length >= MAX_WORDS_BYTES) return ok(text)
  }
}

/** The words in an inherited file or pipe; no more than `maxBytes` are read. */
export async function readWords(
  descriptor: number,
  options: SourceOptions,
  maxBytes: number = MAX_WORDS_BYTES,
): Promise<Result<string, "WORDS_UNREADABLE">> {
  const bytes = Buffer.alloc(maxBytes)
  try {
    let filled = 0
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count) {
      if (!(await untilReadable(descriptor, options))) return refuse("WORDS_UNREADABLE", "the words never came; run it again")
      count = readSync(descriptor, bytes, filled, bytes.length - filled, null)
    }
    return ok(bytes.toString("utf8", 0, filled))
  } catch (error) {
    return refuse(
      "WORDS_UNREADABLE",
      `the words cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); check the file`,
    )
  } finally {
    bytes.fill(0)
  }
}

/** Writes words, or a share, to a new file that only its owner can read, durably; a file that could not be written whole is removed. */
export function writeWords(path: string, text: string): Result<true, "WORDS_OUT_EXISTS" | "DISK_FULL"> {
  const state = { made: false }
  try {
    const descriptor = openSync(path, "wx", 0o600)
    state.made = true
    try {
      writeSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    return ok(true)
  } catch (error) {
    if (state.made) rmSync(path, { force: true })
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    if (code === "ENOSPC" || code === "EDQUOT")
      return refuse(
        "DISK_FULL",
        `the words cannot be written to ${path}: no space left (${code}); free some and run it again, nothing was made`,
      )
    return refuse("WORDS_OUT_EXISTS", `the words cannot be written to ${path} (${code}); name a new file`)
  }
}

/** Distinct positions to ask back, in order. */
function positions(length: number, count: number, random: RandomBytes): readonly number[] {
  const chosen = new Set<number>()
  // Rejection of repeats; each draw succeeds with probability over 7/8.
  while (chosen.size < count) chosen.add((random(1)[0] ?? 0) % length)
  return [...chosen].toSorted((a, b) => a - b)
}
