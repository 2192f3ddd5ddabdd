import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from "node:fs"
import { ok, refuse, type RandomBytes, type Result } from "@keygrove/base"
import { untilReadable, type SourceOptions } from "../inherited-source.ts"
import type { PromptOptions, PromptRefusal, Terminal } from "../terminal/terminal.ts"
import { decodeWords, WORD_COUNT, type WordsRefusal } from "./words.ts"

/** Words asked back of the 24. */
const ASKED_BACK = 3
/** Wrong answers allowed for one word, and wrong phrases for a recovery, before it is given up. */
const MAX_TRIES = 3
const MAX_WORDS_BYTES = 4_096

/** Shows the words once, asks some of them back, and clears them from the screen, whatever came of it. */
export async function showWords(
  words: readonly string[],
  terminal: Terminal,
  { random, signal }: PromptOptions & { readonly random: RandomBytes },
): Promise<Result<true, "WORDS_NOT_CONFIRMED" | PromptRefusal>> {
  const lines = Array.from({ length: words.length / 4 }, (_, row) =>
    words
      .slice(4 * row, 4 * row + 4)
      .map((word, column) => `${String(4 * row + column + 1).padStart(2)}. ${word.padEnd(10)}`)
      .join("  "),
  )
  terminal.say(
    `\nThese 24 words are your root key. Write them on paper now; they are shown once and are the only\nbackup of everything.\n\n${lines.join("\n")}\n\n`,
  )
  for (const position of positions(words.length, random)) {
    const confirmed = await askBack(words[position] ?? "", position, terminal, { signal })
    if (confirmed.ok) continue
    terminal.clear()
    return confirmed
  }
  terminal.clear()
  terminal.say("The words are confirmed.\n")
  return ok(true)
}

async function askBack(
  word: string,
  position: number,
  terminal: Terminal,
  options: PromptOptions,
): Promise<Result<true, "WORDS_NOT_CONFIRMED" | PromptRefusal>> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const typed = await terminal.askText(`Word ${position + 1}: `, options)
    if (typed.ok && typed.value.trim().toLowerCase() === word) return ok(true)
    if (!typed.ok && typed.code === "PROMPT_INTERRUPTED") return typed
    if (triesLeft === 0)
      return refuse(
        "WORDS_NOT_CONFIRMED",
        `word ${position + 1} was not the one shown, ${MAX_TRIES} times; run it again and write the words down, nothing was made`,
      )
    terminal.say(`That is not word ${position + 1}; look at your paper (${triesLeft} more ${triesLeft === 1 ? "try" : "tries"}).\n`)
  }
}

/** Asks for the words on the terminal, with echo, in one or more lines; a phrase that cannot be right is asked for again. */
export async function askWords(
  terminal: Terminal,
  options: PromptOptions,
): Promise<Result<readonly string[], WordsRefusal | "WORDS_UNREADABLE" | PromptRefusal>> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const text = await typedPhrase(terminal, options)
    const words = text.ok ? decodeWords(text.value) : text
    if (words.ok || triesLeft === 0 || words.code === "PROMPT_INTERRUPTED") {
      terminal.clear()
      return words
    }
    terminal.say(`${words.message}\n`)
  }
}

/** Lines until there are 24 words, or an empty one. */
async function typedPhrase(terminal: Terminal, options: PromptOptions): Promise<Result<string, PromptRefusal>> {
  let text = ""
  for (;;) {
    const line = await terminal.askText(text === "" ? "Recovery words, all 24: " : "… ", options)
    if (!line.ok) return line
    text += `${line.value} `
    const count = text.split(/\s+/).filter((word) => word !== "").length
    if (line.value.trim() === "" || count >= WORD_COUNT || text.length >= MAX_WORDS_BYTES) return ok(text)
  }
}

/** The words in an inherited file or pipe. */
export async function readWords(descriptor: number, options: SourceOptions): Promise<Result<string, "WORDS_UNREADABLE">> {
  const bytes = Buffer.alloc(MAX_WORDS_BYTES)
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

/** Writes the words to a new file that only its owner can read, durably; a file that could not be written whole is removed. */
export function writeWords(path: string, words: readonly string[]): Result<true, "WORDS_OUT_EXISTS" | "DISK_FULL"> {
  const state = { made: false }
  try {
    const descriptor = openSync(path, "wx", 0o600)
    state.made = true
    try {
      writeSync(descriptor, `${words.join(" ")}\n`)
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
function positions(count: number, random: RandomBytes): readonly number[] {
  const chosen = new Set<number>()
  // Rejection of repeats; each draw succeeds with probability over 7/8.
  while (chosen.size < ASKED_BACK) chosen.add((random(1)[0] ?? 0) % count)
  return [...chosen].toSorted((a, b) => a - b)
}
