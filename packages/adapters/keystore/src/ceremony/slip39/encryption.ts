import { pbkdf2Sync } from "node:crypto"
import { Secret } from "@keygrove/base"
import type { ShareSetHeader } from "./share.ts"

type EncryptionParameters = Pick<ShareSetHeader, "identifier" | "isExtendable" | "iterationExponent">

const ROUNDS: readonly number[] = [0, 1, 2, 3]
/** PBKDF2 iterations of one round with exponent 0. */
const BASE_ITERATIONS = 2_500

/**
 * Encrypts a master secret with a passphrase (bytes of printable ASCII; Keygrove's is empty, as the standard's default is): a Feistel network of four
 * rounds with PBKDF2-HMAC-SHA256. It authenticates nothing: every passphrase gives some secret. The result belongs to the caller.
 */
export function encryptMasterSecret(secret: Secret, passphrase: Uint8Array, parameters: EncryptionParameters): Secret {
  return feistel(secret, ROUNDS, { passphrase, parameters })
}

/** Inverse of {@link encryptMasterSecret}. */
export function decryptMasterSecret(encrypted: Secret, passphrase: Uint8Array, parameters: EncryptionParameters): Secret {
  return feistel(encrypted, ROUNDS.toReversed(), { passphrase, parameters })
}

interface RoundKey {
  readonly passphrase: Uint8Array
  readonly parameters: EncryptionParameters
}

function feistel(input: Secret, rounds: readonly number[], key: RoundKey): Secret {
  const half = input.length / 2
  using work = input.copy()
  return Secret.fill(input.length, (output) =>
    work.expose((bytes) => {
      for (const round of rounds) {
        const [left, right] = [bytes.subarray(0, half), bytes.subarray(half)]
        const mask = roundFunction(round, right, key)
        for (let at = 0; at < half; at++) mask[at] = (mask[at] ?? 0) ^ (left[at] ?? 0)
        left.set(right)
        right.set(mask)
        mask.fill(0)
      }
      output.set(bytes.subarray(half))
      output.set(bytes.subarray(0, half), half)
    }),
  )
}

function roundFunction(round: number, right: Uint8Array, { parameters, passphrase }: RoundKey): Uint8Array {
  const { identifier, isExtendable, iterationExponent } = parameters
  const prefix = isExtendable ? [] : [...Buffer.from("shamir"), identifier >> 8, identifier & 0xff]
  using password = Secret.fill(1 + passphrase.length, (bytes) => bytes.set([round, ...passphrase]))
  using salt = Secret.fill(prefix.length + right.length, (bytes) => {
    bytes.set(prefix)
    bytes.set(right, prefix.length)
  })
  const iterations = BASE_ITERATIONS * 2 ** iterationExponent
  return password.expose((given) => salt.expose((salted) => pbkdf2Sync(given, salted, iterations, right.length, "sha256")))
}
