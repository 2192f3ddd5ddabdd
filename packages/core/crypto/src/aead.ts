import { ok, refuse, type Secret } from "@keygrove/base"
import type { Aead, SuiteName } from "./primitives.ts"
import { AEAD_KEY_BYTES, AEAD_TAG_BYTES } from "./suites.ts"

/** One call of a cipher. Lengths are checked already; `target` has exactly the output's length and does not overlap `input`. */
export interface CipherCall {
  /** Live bytes of the key; never kept. */
  readonly key: Uint8Array
  readonly nonce: Uint8Array
  /** Plaintext to seal, or ciphertext ‖ tag to open. */
  readonly input: Uint8Array
  readonly associatedData: Uint8Array | undefined
  readonly target: Uint8Array
  /** Whether many calls with this key follow, so that a library may keep a prepared copy of it for as long as the key lives. Never for long-term keys. */
  readonly bulk: boolean
}

/** What a library must provide for {@link createAead}. */
export interface Cipher {
  readonly suite: SuiteName
  readonly nonceBytes: number
  readonly hasAssociatedData: boolean
  /** Writes ciphertext ‖ tag to the target. */
  seal(call: CipherCall): void
  /** Writes the plaintext to the target and says whether the tag held; what it wrote before a false is wiped by the caller. */
  open(call: CipherCall): boolean
}

/** An {@link Aead} from a library's cipher: checks lengths, opens the key, allocates, and wipes what an invalid tag left behind. */
export function createAead(cipher: Cipher): Aead {
  const { suite, nonceBytes, hasAssociatedData } = cipher

  function seal(key: Secret, call: Omit<CipherCall, "key">): void {
    assertLengths(cipher, key, call)
    if (call.target.length !== call.input.length + AEAD_TAG_BYTES)
      throw new RangeError(`${suite} target must have the plaintext's length + ${AEAD_TAG_BYTES}`)
    key.expose((bytes) => cipher.seal({ ...call, key: bytes }))
  }

  function open(key: Secret, call: Omit<CipherCall, "key">): boolean {
    assertLengths(cipher, key, call)
    if (call.target.length !== call.input.length - AEAD_TAG_BYTES)
      throw new RangeError(`${suite} target must have the ciphertext's length - ${AEAD_TAG_BYTES}`)
    if (key.expose((bytes) => cipher.open({ ...call, key: bytes }))) return true
    call.target.fill(0)
    return false
  }

  const failed = refuse("AEAD_FAILED", `${suite} data was changed or belongs to another key`)
  return {
    suite,
    nonceBytes,
    hasAssociatedData,
    seal: (key, nonce, plaintext, associatedData) => {
      const target = new Uint8Array(plaintext.length + AEAD_TAG_BYTES)
      seal(key, { nonce, input: plaintext, associatedData, target, bulk: false })
      return target
    },
    open: (key, nonce, ciphertext, associatedData) => {
      if (ciphertext.length < AEAD_TAG_BYTES) return failed
      const target = new Uint8Array(ciphertext.length - AEAD_TAG_BYTES)
      return open(key, { nonce, input: ciphertext, associatedData, target, bulk: false }) ? ok(target) : failed
    },
    sealInto: (key, nonce, plaintext, target) => seal(key, { nonce, input: plaintext, associatedData: undefined, target, bulk: true }),
    openInto: (key, nonce, ciphertext, target) =>
      open(key, { nonce, input: ciphertext, associatedData: undefined, target, bulk: true }) ? ok(true) : failed,
  }
}

function assertLengths(cipher: Cipher, key: Secret, call: Omit<CipherCall, "key">): void {
  const { suite, nonceBytes, hasAssociatedData } = cipher
  if (key.length !== AEAD_KEY_BYTES) throw new RangeError(`${suite} key must have ${AEAD_KEY_BYTES} bytes, got ${key.length}`)
  if (call.nonce.length !== nonceBytes) throw new RangeError(`${suite} nonce must have ${nonceBytes} bytes, got ${call.nonce.length}`)
  if (!hasAssociatedData && call.associatedData !== undefined) throw new RangeError(`${suite} has no associated data`)
}
