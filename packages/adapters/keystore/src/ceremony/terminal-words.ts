import { closeSync, openSync, readSync, writeSync } from "node:fs"
import { createInterface } from "node:readline/promises"
import { ReadStream } from "node:tty"
import { ok, refuse, type RandomBytes, type Result } from "@keygrove/base"

/** Words asked back of the 24. */
const ASKED_BACK = 3
const MAX_WORDS_BYTES = 4_096

/** Opens the person's terminal; `undefined` when there is none. */
export function openTerminal(): number | undefined {
  try {
    return openSync("/dev/tty", "r+")
  } catch {
    return undefined
  }
}

/** Shows the words once, asks some of them back, and clears them from the screen. */
export async function showWords(
  words: readonly string[],
  terminal: number,
  random: RandomBytes,
): Promise<Result<true, "WORDS_NOT_CONFIRMED">> {
  const lines = Array.from({ length: words.length / 4 }, (_, row) =>
    words
      .slice(4 * row, 4 * row + 4)
      .map((word, column) => `${String(4 * row + column + 1).padStart(2)}. ${word.padEnd(10)}`)
      .join("  "),
  )
  writeSync(
    terminal,
    `\nThese 24 words are your root key. Write them on paper now; they are shown once and are the only\nbackup of everything.\n\n${lines.join("\n")}\n\n`,
  )
  const input = new ReadStream(terminal)
  const ask = createInterface({ input, terminal: false })
  try {
    for (const position of positions(words.length, random)) {
      writeSync(terminal, `Word ${position + 1}: `)
      const typed = await firstLine(ask)
      if (typed?.trim().toLowerCase() !== words[position])
        return refuse("WORDS_NOT_CONFIRMED", `word ${position + 1} was not the one shown; run it again, nothing was made`)
    }
    // Clears the screen and what scrolled out of it, where the terminal can.
    writeSync(terminal, "\u001B[3J\u001B[H\u001B[2JThe words are confirmed.\n")
    return ok(true)
  } finally {
    ask.close()
    input.destroy()
  }
}

/** Asks for the words on the terminal, with echo, in one or more lines. */
export async function askWords(terminal: number): Promise<string> {
  writeSync(terminal, "Recovery words, all 24: ")
  const input = new ReadStream(terminal)
  const ask = createInterface({ input, terminal: false })
  try {
    let text = ""
    while (text.split(/\s+/).filter((word) => word !== "").length < 24 && text.length < MAX_WORDS_BYTES) {
      const line = await firstLine(ask)
      if (line === undefined) break
      text += `${line} `
    }
    return text
  } finally {
    ask.close()
    input.destroy()
  }
}

/** The words in an inherited file or pipe. */
export function readWords(descriptor: number): Result<string, "WORDS_UNREADABLE"> {
  const bytes = Buffer.alloc(MAX_WORDS_BYTES)
  try {
    let filled = 0
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
      count = readSync(descriptor, bytes, filled, bytes.length - filled, null)
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

/** Writes the words to a new file that only its owner can read, durably. */
export function writeWords(path: string, words: readonly string[]): Result<true, "WORDS_OUT_EXISTS"> {
  try {
    const descriptor = openSync(path, "wx", 0o600)
    try {
      writeSync(descriptor, `${words.join(" ")}\n`)
    } finally {
      closeSync(descriptor)
    }
    return ok(true)
  } catch (error) {
    return refuse(
      "WORDS_OUT_EXISTS",
      `the words cannot be written to ${path} (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); name a new file`,
    )
  }
}

async function firstLine(lines: ReturnType<typeof createInterface>): Promise<string | undefined> {
  return await new Promise((resolve) => {
    lines.once("line", resolve)
    lines.once("close", () => resolve(undefined))
  })
}

/** Distinct positions to ask back, in order. */
function positions(count: number, random: RandomBytes): readonly number[] {
  const chosen = new Set<number>()
  // Rejection of repeats; each draw succeeds with probability over 7/8.
  while (chosen.size < ASKED_BACK) chosen.add((random(1)[0] ?? 0) % count)
  return [...chosen].toSorted((a, b) => a - b)
}
