/** Most addresses that a member gives. */
export const MAX_MEMBER_ADDRESSES = 8
/** Longest address of a member in characters. */
export const MAX_MEMBER_ADDRESS_CHARACTERS = 256
/** Longest public area of an attestation key in bytes; that of RSA-2048, the longest that core/attestation accepts, has about 280. */
export const MAX_ATTESTATION_KEY_BYTES = 600
/** Highest register of a TPM that evidence may cover. */
export const MAX_PCR = 23
/** Most states of its machine that a member accepts at once. */
export const MAX_ACCEPTED_DIGESTS = 4
/** Most pieces of one `pieces-held`: with the longest paths they fit in an entry. A holder of more says so in more than one. */
export const MAX_HELD_PIECES = 128
/**
 * Most complete key generations that are not retired. Each but the newest is kept by an owner whose newest sharing is in it; when there are so many, none starts until one of these owners
 * has a sharing in a newer one, by itself or by redistribution, or is a member no longer.
 */
export const MAX_OPEN_GENERATIONS = 16
/** Longest body of a statement about custody in bytes: leaves room in an entry (65,536) for all else. */
export const MAX_CUSTODY_STATEMENT_BYTES = 60_000
