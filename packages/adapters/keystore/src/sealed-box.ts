import { Secret, type RandomBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"

/** What a secret is sealed with. */
export interface BoxTools {
  readonly primitives: Pick<Primitives, "aead">
  readonly random: RandomBytes
}

/** Bytes that a sealed secret has more than the secret: nonce and tag. */
export const BOX_BYTES = 40
const NONCE_BYTES = 24

/** Seals a secret under a key, both borrowed, bound to `associated`: nonce (24 random bytes) ‖ XChaCha20-Poly1305 ciphertext ‖ tag (16). */
export function sealBox({ primitives, random }: BoxTools, key: Secret, secret: Secret, associated: Uint8Array): Uint8Array {
  const nonce = random(NONCE_BYTES)
  const sealed = secret.expose((bytes) => primitives.aead("xchacha20-poly1305").seal(key, nonce, bytes, associated))
  const box = new Uint8Array(NONCE_BYTES + sealed.length)
  box.set(nonce)
  box.set(sealed, NONCE_BYTES)
  return box
}

/** What {@link sealBox} sealed, which belongs to the caller; `undefined` when it was changed, is empty, or belongs elsewhere. */
export function openBox(
  { primitives }: Pick<BoxTools, "primitives">,
  key: Secret,
  box: Uint8Array,
  associated: Uint8Array,
): Secret | undefined {
  if (box.length <= BOX_BYTES) return undefined
  const opened = primitives.aead("xchacha20-poly1305").open(key, box.subarray(0, NONCE_BYTES), box.subarray(NONCE_BYTES), associated)
  return opened.ok ? Secret.take(opened.value) : undefined
}
