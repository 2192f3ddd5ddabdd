import { concatBytes, ok, refuse, type Refusal, type Result, type Secret } from "@keygrove/base"
import { AEAD_TAG_BYTES, encodeInfo } from "@keygrove/crypto"
import type { HeldKey, Sealing, SealingKey } from "@keygrove/service"
import { SALT_BYTES } from "./backends/secret-cipher.ts"

/** What is bound into a ciphertext besides the key: the caller's own words, at most 4 KiB. */
export interface CipherScope {
  readonly key: HeldKey
  readonly context: Uint8Array | undefined
}

const FORMAT = 1
/** Format, version of the key as u32 big-endian. */
const HEAD_BYTES = 5
/** What a ciphertext has around its plaintext at most: head, salt or HPKE encapsulation, and tag. */
export const CIPHERTEXT_OVERHEAD_BYTES: number = HEAD_BYTES + SALT_BYTES + AEAD_TAG_BYTES

/** Which version of its key a ciphertext names; the key's own check comes with decryption. */
export function versionOfCiphertext(ciphertext: Uint8Array): Result<number, "KEY_CIPHERTEXT_INVALID"> {
  if (ciphertext.length < HEAD_BYTES || ciphertext[0] !== FORMAT) return invalid("it is not of a format this version knows")
  return ok(new DataView(ciphertext.buffer, ciphertext.byteOffset).getUint32(1))
}

/** The ciphertext of {@link versionOfCiphertext}: 1 ‖ version (u32) ‖ what the backend of the key, or HPKE, made. */
export function withHead({ version }: HeldKey, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES)
  head[0] = FORMAT
  new DataView(head.buffer).setUint32(1, version)
  return concatBytes(head, body)
}

/** What comes after the head. */
export function withoutHead(ciphertext: Uint8Array): Uint8Array {
  return ciphertext.subarray(HEAD_BYTES)
}

/** Bytes that tie a ciphertext to its key, version and context. */
export function boundTo({ context, key }: CipherScope): Uint8Array {
  return encodeInfo(["keygrove/v1/key-ciphertext", key.type, key.publicKey, key.version, context ?? new Uint8Array(0)])
}

/** Encrypts to an x25519 key, which takes its public part only: head ‖ HPKE encapsulation (32) ‖ ciphertext ‖ tag. */
export async function encryptToPublic(
  sealing: Sealing,
  scope: CipherScope,
  plaintext: Uint8Array,
): Promise<Result<Uint8Array, "KEY_CIPHERTEXT_INVALID">> {
  const sealed = await sealing.seal(scope.key.publicKey, plaintext, { info: boundTo(scope) })
  return sealed.ok ? ok(withHead(scope.key, sealed.value)) : invalid(sealed.message)
}

/** Inverse of {@link encryptToPublic}, wherever the secret is: `agree` is one use of it. */
export async function decryptByAgreement<Code extends string>(
  sealing: Sealing,
  { agree, scope }: { readonly scope: CipherScope; readonly agree: (peer: Uint8Array) => Promise<Result<Secret, Code>> },
  ciphertext: Uint8Array,
): Promise<Result<Uint8Array, Code | "KEY_CIPHERTEXT_INVALID">> {
  // What the backend refuses is told as it is; HPKE knows only that it came to nothing.
  const refused: Refusal<Code>[] = []
  const key: SealingKey = {
    publicKey: scope.key.publicKey,
    agree: async (peer) => {
      const shared = await agree(peer)
      if (!shared.ok) refused.push(shared)
      return shared
    },
  }
  const opened = await sealing.open(key, withoutHead(ciphertext), { info: boundTo(scope) })
  if (!opened.ok) {
    const [refusal] = refused
    const isPeer = refusal === undefined || refusal.code === "KEY_PEER_INVALID"
    return isPeer ? invalid("it was changed, or encrypted to another key or under another context") : refusal
  }
  using plaintext = opened.value
  return ok(plaintext.expose((bytes) => Uint8Array.from(bytes)))
}

function invalid(why: string): Refusal<"KEY_CIPHERTEXT_INVALID"> {
  return refuse("KEY_CIPHERTEXT_INVALID", `the ciphertext cannot be decrypted: ${why}`)
}
