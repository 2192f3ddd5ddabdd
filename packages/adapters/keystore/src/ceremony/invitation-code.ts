import { closeSync, openSync, writeSync } from "node:fs"
import { wordlist } from "@scure/bip39/wordlists/english.js"
import { ok, refuse, Secret, utf8, type RandomBytes, type Result } from "@keygrove/base"
import { invitationContext, type Invitation, type SealedNodeSecret } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import { deriveKeyEncryptionKey, isAcceptable, newKeyDerivation, type KeyDerivation } from "../key-encryption.ts"

/** Words of a code: 66 bits, which Argon2id turns into work that nobody does within the life of an invitation. */
const CODE_WORDS = 6
const NONCE_BYTES = 24

/** A fresh code. Its words become strings: only processes that end right after handle them (docs/decisions/ceremony-process.md). */
export function newCode(random: RandomBytes): readonly string[] {
  const bytes = random(2 * CODE_WORDS)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  // 2¹⁶ is a multiple of the 2,048 words, so each is as likely as the others.
  const words = Array.from({ length: CODE_WORDS }, (_, index) => wordlist[view.getUint16(2 * index) % wordlist.length] ?? "")
  bytes.fill(0)
  return words
}

/** Checks a typed code. Names a word's position, never the words. */
export function decodeCode(text: string): Result<readonly string[], "INVITATION_CODE_INVALID"> {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[\s\d.,-]+/u)
    .filter((word) => word !== "")
  if (words.length !== CODE_WORDS)
    return refuse("INVITATION_CODE_INVALID", `the code has ${words.length} words; enter all ${CODE_WORDS} in order`)
  const unknown = words.findIndex((word) => !wordlist.includes(word))
  return unknown < 0
    ? ok(words)
    : refuse("INVITATION_CODE_INVALID", `word ${unknown + 1} of the code is not in the BIP39 English list; check its spelling`)
}

/** Writes a code to a new file, mode 0600. */
export function writeCode(path: string, words: readonly string[]): Result<true, "INVITATION_CODE_UNWRITABLE"> {
  try {
    const descriptor = openSync(path, "wx", 0o600)
    writeSync(descriptor, `${words.join(" ")}\n`)
    closeSync(descriptor)
    return ok(true)
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return refuse("INVITATION_CODE_UNWRITABLE", `the code cannot be written to ${path} (${why}); choose another file, nothing was made`)
  }
}

/** Seals secrets of children under one code, which is stretched once: whoever tries codes tries them for all of the invitations at the same time. Disposal wipes the key. */
export class NodeSecretSeal implements Disposable {
  readonly #tools: KeystoreTools
  readonly #derivation: Extract<KeyDerivation, { readonly method: "argon2id" }>
  readonly #key: Secret

  constructor(tools: KeystoreTools, code: readonly string[]) {
    const derivation = newKeyDerivation("argon2id", tools.random)
    if (derivation.method !== "argon2id") throw new TypeError("a code is stretched with Argon2id")
    this.#tools = tools
    this.#derivation = derivation
    this.#key = codeKey(tools, code, derivation)
  }

  /** The secret stays the caller's. */
  seal(nodeSecret: Secret, invitation: Pick<Invitation, "certificate" | "ledger">): SealedNodeSecret {
    const nonce = this.#tools.random(NONCE_BYTES)
    const aead = this.#tools.primitives.aead("xchacha20-poly1305")
    const sealed = nodeSecret.expose((bytes) => aead.seal(this.#key, nonce, bytes, invitationContext(invitation)))
    const { memoryKib, passes, salt } = this.#derivation
    return { salt, passes, memoryKib, nonce, sealed }
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Opens what {@link NodeSecretSeal} sealed; the secret belongs to the caller. */
export function openNodeSecret(
  tools: KeystoreTools,
  invitation: Invitation,
  code: readonly string[],
): Result<Secret, "INVITATION_CODE_WRONG"> {
  const { memoryKib, nonce, passes, salt, sealed } = invitation.secret
  const derivation: KeyDerivation = { method: "argon2id", salt, passes, memoryKib }
  if (!isAcceptable(derivation)) return wrong()
  using key = codeKey(tools, code, derivation)
  const opened = tools.primitives.aead("xchacha20-poly1305").open(key, nonce, sealed, invitationContext(invitation))
  return opened.ok ? ok(Secret.take(opened.value)) : wrong()
}

function codeKey(tools: KeystoreTools, code: readonly string[], derivation: KeyDerivation): Secret {
  using password = Secret.take(utf8(code.join(" ")))
  return deriveKeyEncryptionKey(tools.primitives, derivation, password)
}

function wrong(): Result<never, "INVITATION_CODE_WRONG"> {
  return refuse(
    "INVITATION_CODE_WRONG",
    "the code does not open this invitation; check its words, or have a new invitation made, nothing was made",
  )
}
