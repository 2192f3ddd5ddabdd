import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { isatty } from "node:tty"
import { ok, refuse, Secret, type Result } from "@keygrove/base"
import { KEY_FILE_BYTES, type UnlockSecret } from "./key-encryption.ts"
import { promptSecret } from "./prompt.ts"

/** Longest passphrase in bytes. */
export const MAX_PASSPHRASE_BYTES = 1_024
/** Shortest new passphrase in bytes. */
export const MIN_NEW_PASSPHRASE_BYTES = 8

export type SourceRefusal =
  | "PASSPHRASE_MISSING"
  | "PASSPHRASE_TOO_SHORT"
  | "PASSPHRASE_TOO_LONG"
  | "PASSPHRASES_DIFFER"
  | "PROMPT_INTERRUPTED"
  | "KEYSTORE_KEY_FILE_INVALID"

/** Where the secret that unlocks comes from: an inherited descriptor (a file, a pipe or a terminal), or a key file by its path. */
export type SecretSource =
  | { readonly kind: "descriptor"; readonly descriptor: number }
  | { readonly kind: "key-file"; readonly path: string }

/** Reads the secret that unlocks an existing keystore. Belongs to the caller. */
export async function readUnlockSecret(source: SecretSource): Promise<Result<UnlockSecret, SourceRefusal>> {
  if (source.kind === "key-file") return readKeyFile(source.path)
  const passphrase = isatty(source.descriptor) ? await promptSecret(source.descriptor, "Passphrase: ") : readLine(source.descriptor)
  return passphrase.ok ? ok({ method: "argon2id", secret: passphrase.value }) : passphrase
}

/** Reads the secret for a new keystore; on a terminal the passphrase is asked twice. */
export async function readNewSecret(source: SecretSource): Promise<Result<UnlockSecret, SourceRefusal>> {
  if (source.kind === "key-file") return readKeyFile(source.path)
  const passphrase = isatty(source.descriptor) ? await promptTwice(source.descriptor) : readLine(source.descriptor)
  if (!passphrase.ok) return passphrase
  if (passphrase.value.length >= MIN_NEW_PASSPHRASE_BYTES) return ok({ method: "argon2id", secret: passphrase.value })
  const { length } = passphrase.value
  passphrase.value[Symbol.dispose]()
  return refuse("PASSPHRASE_TOO_SHORT", `the passphrase has ${length} bytes; choose one of at least ${MIN_NEW_PASSPHRASE_BYTES}`)
}

async function promptTwice(terminal: number): Promise<Result<Secret, SourceRefusal>> {
  const first = await promptSecret(terminal, "New passphrase: ")
  if (!first.ok) return first
  const second = await promptSecret(terminal, "The same again: ")
  if (!second.ok) {
    first.value[Symbol.dispose]()
    return second
  }
  using again = second.value
  if (first.value.equals(again)) return first
  first.value[Symbol.dispose]()
  return refuse("PASSPHRASES_DIFFER", "the passphrase was typed differently the second time; run it again")
}

/** The first line of a file or pipe, without its line break, straight into locked memory. */
function readLine(descriptor: number): Result<Secret, SourceRefusal> {
  using buffer = Secret.fill(MAX_PASSPHRASE_BYTES + 2, () => undefined)
  const filled = buffer.expose((bytes) => readFully(descriptor, bytes))
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

/** Bytes read until the buffer is full or the input ends; `undefined` when there is nothing to read from. */
function readFully(descriptor: number, bytes: Uint8Array): number | undefined {
  let filled = 0
  try {
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
      count = readSync(descriptor, bytes, filled, bytes.length - filled, null)
    return filled
  } catch {
    return undefined
  }
}

function lineEnd(bytes: Uint8Array): number {
  const newline = bytes.indexOf(0x0a)
  const end = newline === -1 ? bytes.length : newline
  return bytes[end - 1] === 0x0d ? end - 1 : end
}

/** A key file: 32 bytes that nobody but its owner can read. */
function readKeyFile(path: string): Result<UnlockSecret, "KEYSTORE_KEY_FILE_INVALID"> {
  const invalid = (reason: string): Result<never, "KEYSTORE_KEY_FILE_INVALID"> =>
    refuse("KEYSTORE_KEY_FILE_INVALID", `the key file ${path} ${reason}`)
  try {
    const descriptor = openSync(path, "r")
    try {
      const facts = fstatSync(descriptor)
      if (!facts.isFile() || facts.size !== KEY_FILE_BYTES)
        return invalid(`must be a file of ${KEY_FILE_BYTES} bytes; it has ${facts.size}`)
      if ((facts.mode & 0o077) !== 0) return invalid(`has mode ${(facts.mode & 0o777).toString(8)}; only its owner may read it (chmod 600)`)
      if (process.getuid !== undefined && facts.uid !== process.getuid()) return invalid(`belongs to user ${facts.uid}; it must be yours`)
      return ok({
        method: "key-file",
        secret: Secret.fill(KEY_FILE_BYTES, (target) => void readSync(descriptor, target, 0, KEY_FILE_BYTES, 0)),
      })
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return invalid(`cannot be read (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); check the path`)
  }
}
