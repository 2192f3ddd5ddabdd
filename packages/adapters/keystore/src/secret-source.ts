import { closeSync, readSync } from "node:fs"
import { isatty } from "node:tty"
import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import { takePassphrase } from "./handed-passphrase.ts"
import { MAX_PASSPHRASE_BYTES, untilNextLook, untilReadable, type SourceOptions } from "./inherited-source.ts"
import { KEY_FILE_BYTES, type UnlockSecret } from "./key-encryption.ts"
import { readSecretFile } from "./secret-file.ts"
import { Terminal, type PromptOptions, type PromptRefusal } from "./terminal/terminal.ts"

/** Shortest new passphrase in bytes. */
export const MIN_NEW_PASSPHRASE_BYTES = 8

/** How often a new passphrase is asked for on a terminal before it is given up. */
const MAX_TRIES = 3
const LINE_FEED = 0x0a

export type SourceRefusal = PromptRefusal | "PASSPHRASE_TOO_SHORT" | "PASSPHRASES_DIFFER" | "KEYSTORE_KEY_FILE_INVALID"

/** Where the secret that unlocks comes from: an inherited descriptor (a file, a pipe or a terminal), closed once read, another keystore program at a socket, or a key file by its path. */
export type SecretSource =
  | { readonly kind: "descriptor"; readonly descriptor: number }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "key-file"; readonly path: string }

/** Reads the secret that unlocks an existing keystore. Belongs to the caller. */
export async function readUnlockSecret(source: SecretSource, options: SourceOptions): Promise<Result<UnlockSecret, SourceRefusal>> {
  if (source.kind === "key-file") return readKeyFile(source.path)
  const passphrase = await readPassphrase(source, options)
  return passphrase.ok ? ok({ method: "argon2id", secret: passphrase.value }) : passphrase
}

/** Reads an existing passphrase. Belongs to the caller. */
export async function readPassphrase(
  source: Exclude<SecretSource, { readonly kind: "key-file" }>,
  options: SourceOptions,
): Promise<Result<Secret, SourceRefusal>> {
  if (source.kind === "socket") return await takePassphrase(source.path, options)
  return isatty(source.descriptor) ? await prompt(source.descriptor, options) : await readLine(source.descriptor, options)
}

/** Reads the secret for a new keystore; on a terminal the passphrase is asked twice. */
export async function readNewSecret(source: SecretSource, options: SourceOptions): Promise<Result<UnlockSecret, SourceRefusal>> {
  if (source.kind === "key-file") return readKeyFile(source.path)
  const passphrase =
    source.kind === "descriptor" && isatty(source.descriptor)
      ? await promptTwice(source.descriptor, options)
      : await readPassphrase(source, options)
  if (!passphrase.ok) return passphrase
  const { length } = passphrase.value
  if (length >= MIN_NEW_PASSPHRASE_BYTES) return ok({ method: "argon2id", secret: passphrase.value })
  passphrase.value[Symbol.dispose]()
  return tooShort(length)
}

async function prompt(descriptor: number, options: PromptOptions): Promise<Result<Secret, SourceRefusal>> {
  using terminal = new Terminal(descriptor)
  return await terminal.askSecret("Passphrase: ", options)
}

async function promptTwice(descriptor: number, options: PromptOptions): Promise<Result<Secret, SourceRefusal>> {
  using terminal = new Terminal(descriptor)
  return await chooseSecret(terminal, { question: "New passphrase: ", leastBytes: MIN_NEW_PASSPHRASE_BYTES }, options)
}

/** What a person is asked to choose. */
export interface Choice {
  readonly question: string
  readonly leastBytes: number
}

/** Asks on a terminal for a secret that nothing can be compared with, twice the same, a few times. Belongs to the caller. */
export async function chooseSecret(terminal: Terminal, choice: Choice, options: PromptOptions): Promise<Result<Secret, SourceRefusal>> {
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const chosen = await chooseOnce(terminal, choice, options)
    if (chosen.ok || triesLeft === 0 || chosen.code === "PROMPT_INTERRUPTED") return chosen
    terminal.say(`${chosen.message}\n`)
  }
}

async function chooseOnce(
  terminal: Terminal,
  { leastBytes, question }: Choice,
  options: PromptOptions,
): Promise<Result<Secret, SourceRefusal>> {
  const first = await terminal.askSecret(question, options)
  if (!first.ok) return first
  using chosen = first.value
  if (chosen.length < leastBytes) return tooShort(chosen.length)
  const second = await terminal.askSecret("The same again: ", options)
  if (!second.ok) return second
  using again = second.value
  return chosen.equals(again)
    ? ok(chosen.copy())
    : refuse("PASSPHRASES_DIFFER", "the passphrase was typed differently the second time; type it again")
}

function tooShort(length: number): Refusal<"PASSPHRASE_TOO_SHORT"> {
  return refuse("PASSPHRASE_TOO_SHORT", `the passphrase has ${length} bytes; choose one of at least ${MIN_NEW_PASSPHRASE_BYTES}`)
}

/** The first line of a file or pipe, without its line break, straight into locked memory. Closes the descriptor. Belongs to the caller. */
export async function readLine(descriptor: number, options: SourceOptions): Promise<Result<Secret, SourceRefusal>> {
  using buffer = Secret.fill(MAX_PASSPHRASE_BYTES + 2, () => undefined)
  const filled = await readFully(descriptor, buffer, options).finally(() => closeIfOpen(descriptor))
  if (filled === undefined)
    return refuse("PASSPHRASE_MISSING", "the passphrase cannot be read; give --passphrase-file FILE, or run it on a terminal")
  return buffer.expose((bytes): Result<Secret, SourceRefusal> => {
    const end = lineEnd(bytes.subarray(0, filled))
    if (end === 0) return refuse("PASSPHRASE_MISSING", "the passphrase is empty; write it in the first line of the file")
    if (end > MAX_PASSPHRASE_BYTES)
      return refuse("PASSPHRASE_TOO_LONG", `the passphrase is longer than ${MAX_PASSPHRASE_BYTES} bytes; was the right file given?`)
    return ok(Secret.fill(end, (target) => target.set(bytes.subarray(0, end))))
  })
}

/** Bytes read until the buffer is full, the input ends or has a whole line; `undefined` when there is nothing to read from. */
async function readFully(descriptor: number, buffer: Secret, options: SourceOptions): Promise<number | undefined> {
  let filled = 0
  while (filled < buffer.length) {
    if (!(await untilReadable(descriptor, options))) return undefined
    const count = buffer.expose((bytes) => readSome(descriptor, bytes.subarray(filled)))
    if (count === "failed") return undefined
    // Whoever started us may have made its standard input non-blocking, which holds for all who inherit it.
    if (count === "nothing yet") await untilNextLook()
    else if (count === 0) return filled
    else if (buffer.expose((bytes) => bytes.subarray(0, (filled += count)).includes(LINE_FEED))) return filled
  }
  return filled
}

function readSome(descriptor: number, target: Uint8Array): number | "nothing yet" | "failed" {
  try {
    return readSync(descriptor, target, 0, target.length, null)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EAGAIN" ? "nothing yet" : "failed"
  }
}

/** Nothing of a passphrase's source stays open: a pipe's writer, or a disk to be unmounted, may wait for it. */
function closeIfOpen(descriptor: number): void {
  try {
    closeSync(descriptor)
  } catch {
    // It never was: the read has been refused for it.
  }
}

function lineEnd(bytes: Uint8Array): number {
  const newline = bytes.indexOf(LINE_FEED)
  const end = newline === -1 ? bytes.length : newline
  return bytes[end - 1] === 0x0d ? end - 1 : end
}

/** A key file: 32 bytes that nobody but its owner can read. */
function readKeyFile(path: string): Result<UnlockSecret, "KEYSTORE_KEY_FILE_INVALID"> {
  const secret = readSecretFile(path, KEY_FILE_BYTES, (reason) => refuse("KEYSTORE_KEY_FILE_INVALID", `the key file ${path} ${reason}`))
  return secret.ok ? ok({ method: "key-file", secret: secret.value }) : secret
}
