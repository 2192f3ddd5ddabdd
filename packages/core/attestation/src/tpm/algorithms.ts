/** TPM_ALG_ID (TPM 2.0 Library, Part 2, §6.3), those that are accepted or refused by name. */
export const TPM_ALG = { rsa: 0x0001, sha256: 0x000b, null: 0x0010, rsassa: 0x0014, ecdsa: 0x0018, ecc: 0x0023 } as const

/** A TPM number as the specification writes it, for messages. */
export function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, "0")}`
}

/** {@link hex16} of 32 bits. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`
}
