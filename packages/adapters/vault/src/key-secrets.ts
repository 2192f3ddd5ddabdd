import { Secret, type RandomBytes } from "@keygrove/base"
import { deriveKey, type KeyInfo, type Primitives } from "@keygrove/crypto"
import { keyTypeTraits, type KeyType } from "@keygrove/keys"
import type { KeyAlgorithm } from "./algorithms/algorithm.ts"

/** Half of all candidates suit BLS12-381, nearly all suit the others; the limit only bounds the loop. */
const MAX_ATTEMPTS = 256

/** A fresh random secret of a type; belongs to the caller. */
export function generateSecret(random: RandomBytes, type: KeyType, algorithm: KeyAlgorithm): Secret {
  return firstThatSuits(type, algorithm, () => Secret.take(random(keyTypeTraits(type).secretBytes)))
}

/** The secret of a type that derives from another: the first of HKDF(parent, info ‖ counter) that is one. Belongs to the caller. */
export function deriveSecret(
  primitives: Primitives,
  parent: Secret,
  info: KeyInfo,
  { algorithm, type }: { readonly type: KeyType; readonly algorithm: KeyAlgorithm },
): Secret {
  const { secretBytes } = keyTypeTraits(type)
  return firstThatSuits(type, algorithm, (counter) => deriveKey(primitives, parent, [...info, type, counter], secretBytes))
}

function firstThatSuits(type: KeyType, algorithm: KeyAlgorithm, candidate: (counter: number) => Secret): Secret {
  for (let counter = 0; counter < MAX_ATTEMPTS; counter++) {
    const secret = candidate(counter)
    if (algorithm.isSecret(secret)) return secret
    secret[Symbol.dispose]()
  }
  throw new RangeError(`no secret of type ${type} among ${MAX_ATTEMPTS} candidates; the randomness is broken`)
}
