import { equalBytes, utf8 } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"

/** 32 bytes that depend on all of the parts, and on nothing else; anybody can find two that collide. */
function mixed(...parts: readonly Uint8Array[]): Uint8Array {
  let [a, b, c, d] = [0x811c9dc5, 0x1b873593, 0x9e3779b9, 0x7f4a7c15]
  for (const part of parts)
    for (const byte of part) {
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte, 0x85ebca6b) ^ (a >>> 15)
      c = Math.imul(c ^ b, 0xc2b2ae35) + byte
      d = Math.imul(d + c, 0x27d4eb2f) ^ (d >>> 13)
    }
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (const [place, word] of [a, b, c, d, a ^ c, b ^ d, a + d, b + c].entries()) view.setUint32(4 * place, word)
  return bytes
}

/** Cheap in the place of Ed25519, for histories by the thousand; custody.test.ts and custody-sharings.test.ts have real signatures. 64 bytes. */
export function fakeSignature(key: Uint8Array, message: Uint8Array): Uint8Array {
  const signature = new Uint8Array(64)
  signature.set(mixed(key, message))
  return signature
}

/** The signature by which a rekey proves that its author has the new key. */
export const FAKE_POSSESSION: Uint8Array = new Uint8Array(64).fill(0xff)

/** What ledgers need of primitives, by cheap functions. */
export const fakePrimitives: Pick<Primitives, "sha256" | "ed25519"> = {
  sha256: mixed,
  ed25519: {
    publicKey: () => new Uint8Array(32),
    sign: () => new Uint8Array(64),
    verify: (key, message, signature) => signature === FAKE_POSSESSION || equalBytes(fakeSignature(key, message), signature),
  },
}

/** 32 bytes that depend on the name only. */
export function fakeBytes(name: string): Uint8Array {
  return mixed(utf8(name))
}

/** Formed as a compressed point. */
export function fakePoint(name: string): Uint8Array {
  return Uint8Array.of(2, ...fakeBytes(name))
}
