import { ok, refuse, Secret, type Result } from "@keygrove/base"
import type { SourceOptions } from "../inherited-source.ts"
import { chooseSecret, readLine } from "../secret-source.ts"
import { Terminal } from "../terminal/terminal.ts"

/** Where the passphrase that belongs to the words comes from: the first line of what a descriptor has, or the terminal. */
export interface WordsPassphraseSource {
  readonly descriptor?: number
}

/**
 * The passphrase that makes another root of the same words (BIP39), in UTF-8 and NFKD. Nothing can tell a wrong one, because every passphrase gives a root: on the terminal
 * it is asked twice, unless the caller `isChecked` against a cluster's id afterwards. Belongs to the caller.
 */
export async function readWordsPassphrase(
  { descriptor }: WordsPassphraseSource,
  { isChecked }: { readonly isChecked: boolean },
  options: SourceOptions,
): Promise<Result<Secret>> {
  const given = descriptor === undefined ? await ask(isChecked, options) : await readLine(descriptor, options)
  if (!given.ok) return refuse(given.code, `passphrase of the words: ${given.message}`)
  using typed = given.value
  const normal = typed.expose(decomposed)
  return normal === undefined
    ? refuse("WORDS_PASSPHRASE_INVALID", "the passphrase of the words is not text in UTF-8; save the file as UTF-8, without other bytes")
    : ok(normal)
}

async function ask(isChecked: boolean, options: SourceOptions): Promise<Result<Secret>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined)
    return refuse("WORDS_UNREADABLE", "there is no terminal to ask for the passphrase of the words on; give --words-passphrase-file FILE")
  const question = "Passphrase of the words: "
  return isChecked ? await terminal.askSecret(question, options) : await chooseSecret(terminal, { question, leastBytes: 1 }, options)
}

/** NFKD of UTF-8; `undefined` when it is not UTF-8. ASCII is NFKD as it is, and never becomes a string, which could not be wiped. */
function decomposed(bytes: Uint8Array): Secret | undefined {
  if (bytes.every((byte) => byte < 0x80)) return Secret.fill(bytes.length, (target) => target.set(bytes))
  try {
    return Secret.take(Buffer.from(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).normalize("NFKD"), "utf8"))
  } catch {
    return undefined
  }
}
