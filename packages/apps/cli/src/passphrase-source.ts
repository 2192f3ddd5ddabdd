import { closeSync, openSync } from "node:fs"
import { commandError, CommandError } from "./errors.ts"

/** What the keystore process reads the passphrase or the words from. The command line opens it and never reads it. */
export interface InheritedSource extends Disposable {
  readonly descriptor: number
  readonly kind: "file" | "terminal"
}

/**
 * Opens `file` (`-`: standard input), or the controlling terminal when none is given.
 * @throws CommandError `PASSPHRASE_SOURCE_MISSING` when there is neither, `FILE_UNREADABLE` when the file cannot be opened.
 */
export function openSource(file: string | undefined, what: string, option: string): InheritedSource {
  if (file === "-") return { descriptor: 0, kind: "file", [Symbol.dispose]: () => undefined }
  return file === undefined ? openTerminal(what, option) : owned(openFile(file, what), "file")
}

/** Whether there is a terminal to ask on. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r+"))
    return true
  } catch {
    return false
  }
}

function openTerminal(what: string, option: string): InheritedSource {
  try {
    return owned(openSync("/dev/tty", "r+"), "terminal")
  } catch (cause) {
    throw commandError(
      "PASSPHRASE_SOURCE_MISSING",
      `the ${what} is needed and there is no terminal to ask on; give ${option} FILE (or - for standard input)`,
      { cause },
    )
  }
}

function openFile(file: string, what: string): number {
  try {
    return openSync(file, "r")
  } catch (cause) {
    throw new CommandError(
      "FILE_UNREADABLE",
      `the ${what} file ${file} cannot be opened (${errnoOf(cause)}); check the path and its permissions`,
      { class: "failed", cause },
    )
  }
}

function owned(descriptor: number, kind: InheritedSource["kind"]): InheritedSource {
  return { descriptor, kind, [Symbol.dispose]: () => closeSync(descriptor) }
}

/** The errno name of a failed system call, for a message. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown reason"
}
