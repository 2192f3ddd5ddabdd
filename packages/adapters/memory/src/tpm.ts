import { createHash } from "node:crypto"
import { toHex, type RandomBytes } from "@keygrove/base"
import { TPM_PCRS } from "@keygrove/service"
import { p256 } from "@noble/curves/nist.js"

const PCR_BYTES = 32
const FIRST_RESETTABLE = 17

/** What a TPM has, in memory and without protection: registers, counters and keys. For tests and simulations; signatures depend on the random bytes and the calls alone. */
export class MemoryTpm {
  readonly #random: RandomBytes
  #registers: Uint8Array[] = registersAtBoot()
  #keys: Map<string, Uint8Array> = new Map()
  #clockMs = 0n
  #resetCount = 0

  constructor(random: RandomBytes) {
    this.#random = random
  }

  get resetCount(): number {
    return this.#resetCount
  }

  /** Goes on with every look. */
  get clockMs(): bigint {
    return ++this.#clockMs
  }

  /** TPM2_PCR_Extend: the register becomes SHA-256 of what it is and the digest (32 bytes). */
  extend(pcr: number, digest: Uint8Array): void {
    this.#registers[pcr] = sha256(this.read(pcr), digest)
  }

  /** The 32 bytes of a register. */
  read(pcr: number): Uint8Array {
    const value = this.#registers[pcr]
    if (value === undefined) throw new RangeError(`there is no register ${pcr}`)
    return Uint8Array.from(value)
  }

  /** Makes a P-256 key, which stays here; gives its handle, which is its compressed point. */
  makeKey(): Uint8Array {
    const { secretKey, publicKey } = p256.keygen(this.#random(p256.lengths.seed ?? 48))
    this.#keys.set(toHex(publicKey), secretKey)
    return publicKey
  }

  /** Whether a handle is of a key that is still here. */
  hasKey(handle: Uint8Array): boolean {
    return this.#keys.has(toHex(handle))
  }

  /** ECDSA with SHA-256: r ‖ s, 64 bytes. */
  sign(handle: Uint8Array, message: Uint8Array): Uint8Array {
    const key = this.#keys.get(toHex(handle))
    if (key === undefined) throw new RangeError("there is no such key")
    return p256.sign(message, key, { lowS: false })
  }

  /** The machine starts anew, so its registers do. */
  reboot(): void {
    this.#registers = registersAtBoot()
    this.#resetCount++
  }

  /** TPM2_Clear: its owner gives it away, and every key is lost. */
  clear(): void {
    this.#keys = new Map()
    this.#resetCount = 0
    this.#clockMs = 0n
  }
}

/** Those of a late launch, 17 to 22, are all ones until there was one (PC Client Platform TPM Profile, §4.6.1). */
function registersAtBoot(): Uint8Array[] {
  return Array.from({ length: TPM_PCRS }, (_, pcr) =>
    new Uint8Array(PCR_BYTES).fill(pcr >= FIRST_RESETTABLE && pcr < TPM_PCRS - 1 ? 0xff : 0),
  )
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return Uint8Array.from(hash.digest())
}
