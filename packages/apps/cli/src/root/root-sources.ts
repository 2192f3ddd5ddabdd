import { readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import type { CommandInput } from "../command.ts"
import { commandError } from "../errors.ts"
import { optional, repeated } from "../options.ts"
import { openSource } from "../passphrase-source.ts"

/** Descriptors with an existing root, for the keystore process; the command line never reads them. Disposal closes them. */
export interface RootSources extends Disposable {
  readonly wordsSource: number | undefined
  readonly shareSources?: readonly number[]
  readonly wordsPassphraseSource?: number | "terminal"
  /** Of the passphrase that new words are to have. */
  readonly newWordsPassphraseSource?: number | "terminal"
}

/** Files of shares that are opened at once. */
const MAX_SHARE_FILES = 64
const SHARE_FILE = /^share-.+\.txt$/

/** Whether the options say where an existing root comes from; without, its words are asked for on the terminal. */
export function namesRoot(input: CommandInput): boolean {
  return optional(input, "wordsFile") !== undefined || namesShares(input)
}

/**
 * Opens what `--words-file`, `--shares`, `--shares-file`, `--words-passphrase…` and `--new-words-passphrase…` name.
 * @throws CommandError `USAGE_INVALID` when they contradict each other, `FILE_UNREADABLE` when a file cannot be opened.
 */
export function openRootSources(input: CommandInput): RootSources {
  const wordsFile = optional(input, "wordsFile")
  const sharesFiles = repeated(input, "sharesFile").flatMap(shareFiles)
  if (wordsFile !== undefined && namesShares(input))
    throw commandError("USAGE_INVALID", "the root comes from its words or from shares; give --words-file or --shares-file, not both")
  if (input.options["shares"] === true && sharesFiles.length > 0)
    throw commandError("USAGE_INVALID", "shares are typed (--shares) or read from files (--shares-file), not both")
  if (sharesFiles.length > MAX_SHARE_FILES)
    throw commandError("USAGE_INVALID", `${sharesFiles.length} files of shares are named; at most ${MAX_SHARE_FILES} are read`)
  using stack = new DisposableStack()
  const open = (file: string, what: string, option: string): number => stack.use(openSource(file, what, option)).descriptor
  const wordsSource = wordsFile === undefined ? undefined : open(wordsFile, "words", "--words-file")
  const shares = namesShares(input) ? { shareSources: sharesFiles.map((file) => open(file, "share", "--shares-file")) } : {}
  const passphrases = { ...wordsPassphrase(input, open), ...newWordsPassphrase(input, open) }
  const owned = stack.move()
  return { wordsSource, ...shares, ...passphrases, [Symbol.dispose]: () => owned.dispose() }
}

/** Standard input can be given to one option only. */
export function checkStandardInput(input: CommandInput): void {
  const options = ["wordsFile", "wordsPassphraseFile", "newWordsPassphraseFile", "passphraseFile"]
  const files = options.map((option) => optional(input, option))
  if ([...files, ...repeated(input, "sharesFile")].filter((file) => file === "-").length > 1)
    throw commandError(
      "USAGE_INVALID",
      "only one of the words, shares and passphrases can come from standard input; put the others in files",
    )
}

function namesShares(input: CommandInput): boolean {
  return input.options["shares"] === true || repeated(input, "sharesFile").length > 0
}

function wordsPassphrase(
  input: CommandInput,
  open: (file: string, what: string, option: string) => number,
): Pick<RootSources, "wordsPassphraseSource"> {
  const file = optional(input, "wordsPassphraseFile")
  if (file !== undefined) return { wordsPassphraseSource: open(file, "words passphrase", "--words-passphrase-file") }
  return input.options["wordsPassphrase"] === true ? { wordsPassphraseSource: "terminal" } : {}
}

function newWordsPassphrase(
  input: CommandInput,
  open: (file: string, what: string, option: string) => number,
): Pick<RootSources, "newWordsPassphraseSource"> {
  const file = optional(input, "newWordsPassphraseFile")
  if (file !== undefined) return { newWordsPassphraseSource: open(file, "passphrase of the new words", "--new-words-passphrase-file") }
  return input.options["newWordsPassphrase"] === true ? { newWordsPassphraseSource: "terminal" } : {}
}

/** A file, or the files with shares of a directory. */
function shareFiles(path: string): readonly string[] {
  if (path === "-" || !(statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)) return [path]
  const files = readdirSync(path).filter((name) => SHARE_FILE.test(name))
  if (files.length === 0) throw commandError("USAGE_INVALID", `the directory ${path} has no file share-….txt; name the files themselves`)
  return files.toSorted().map((name) => join(path, name))
}
