import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import { CHECKSUM_WORDS, checksumOf, holdsChecksum } from "./checksum.ts"
import { SHARE_WORDS } from "./word-list.ts"

/** What all shares of one master secret have in common. */
export interface ShareSetHeader {
  /** Random, 15 bits. */
  readonly identifier: number
  /** Whether further sets of the same encrypted secret can be made: the identifier then has no part in the encryption. */
  readonly isExtendable: boolean
  /** PBKDF2 does 10,000 · 2ᵉ rounds, 0–15. */
  readonly iterationExponent: number
  /** Groups that are needed and that there are, 1–16. */
  readonly groupThreshold: number
  readonly groupCount: number
}

/** One share: a point of its group's polynomial. Owns its value. */
export interface Share extends ShareSetHeader, Disposable {
  /** From 0. */
  readonly groupIndex: number
  /** From 0: share 1 has index 0. */
  readonly memberIndex: number
  /** Shares of this group that are needed, 1–16. */
  readonly memberThreshold: number
  readonly value: Secret
}

export type ShareRefusal = "SHARE_LENGTH" | "SHARE_WORD_UNKNOWN" | "SHARE_CHECKSUM" | "SHARE_INVALID"

/** Words of a share of 256 bits. */
export const SHARE_WORD_COUNT = 33

const WORD_BITS = 10
const HEADER_WORDS = 4
const MIN_VALUE_BITS = 128
const MAX_PADDING_BITS = 8
/** Longer ones are in nobody's use; the standard sets no limit. */
const MAX_WORDS = 64

/** The words of a share: header, value padded on the left to whole words, checksum (SLIP-39, "Format of the share mnemonic"). They are strings: see {@link decodeShare}. */
export function encodeShare(share: Share): readonly string[] {
  const header =
    (BigInt(share.identifier) << 25n) |
    (BigInt(share.isExtendable) << 24n) |
    (BigInt(share.iterationExponent) << 20n) |
    (BigInt(share.groupIndex) << 16n) |
    (BigInt(share.groupThreshold - 1) << 12n) |
    (BigInt(share.groupCount - 1) << 8n) |
    (BigInt(share.memberIndex) << 4n) |
    BigInt(share.memberThreshold - 1)
  const numbers = [30n, 20n, 10n, 0n].map((shift) => Number((header >> shift) & 1_023n))
  share.value.expose((bytes) => numbers.push(...wordsOfBytes(bytes)))
  numbers.push(...checksumOf(numbers, share.isExtendable))
  return numbers.map((number) => SHARE_WORDS[number] ?? "")
}

/**
 * Reads the words of a share, in any case, with line breaks and numbers. Refusals name a word's position, never a word. Words are strings, which cannot
 * be wiped: only a ceremony handles them, a process that ends right after.
 */
export function decodeShare(text: string): Result<Share, ShareRefusal> {
  const words = text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[\s\d.,]+/u)
    .filter((word) => word !== "")
  if (paddingOf(words.length) === undefined) return wrongLength(words.length)
  const numbers = words.map((word) => SHARE_WORDS.indexOf(word))
  const unknown = numbers.indexOf(-1)
  if (unknown >= 0)
    return refuse("SHARE_WORD_UNKNOWN", `word ${unknown + 1} of the share is not in the SLIP-39 list; check its spelling`, {
      position: unknown + 1,
    })
  const isExtendable = (((numbers[1] ?? 0) >> 4) & 1) === 1
  if (!holdsChecksum(numbers, isExtendable))
    return refuse(
      "SHARE_CHECKSUM",
      "the words of the share do not belong together; check their order and that none was mistaken for another",
    )
  return shareOf(numbers, isExtendable)
}

function shareOf(numbers: readonly number[], isExtendable: boolean): Result<Share, ShareRefusal> {
  const header = numbers.slice(0, HEADER_WORDS).reduce((bits, number) => (bits << 10n) | BigInt(number), 0n)
  const field = (shift: bigint, bits: bigint): number => Number((header >> shift) & ((1n << bits) - 1n))
  const groupThreshold = field(12n, 4n) + 1
  const groupCount = field(8n, 4n) + 1
  if (groupThreshold > groupCount)
    return refuse("SHARE_INVALID", `the share asks for ${groupThreshold} groups of ${groupCount}; whatever made it is at fault`)
  const value = valueOf(numbers.slice(HEADER_WORDS, -CHECKSUM_WORDS), paddingOf(numbers.length) ?? 0)
  if (!value.ok) return value
  return ok({
    identifier: field(25n, 15n),
    isExtendable,
    iterationExponent: field(20n, 4n),
    groupIndex: field(16n, 4n),
    groupThreshold,
    groupCount,
    memberIndex: field(4n, 4n),
    memberThreshold: field(0n, 4n) + 1,
    value: value.value,
    [Symbol.dispose]: () => value.value[Symbol.dispose](),
  })
}

/** Bits before the value in a share of so many words, less than a word; `undefined` when no share has so many. */
function paddingOf(wordCount: number): number | undefined {
  const bits = (wordCount - HEADER_WORDS - CHECKSUM_WORDS) * WORD_BITS
  const padding = bits % 16
  return bits - padding >= MIN_VALUE_BITS && padding <= MAX_PADDING_BITS && wordCount <= MAX_WORDS ? padding : undefined
}

function valueOf(numbers: readonly number[], padding: number): Result<Secret, ShareRefusal> {
  if ((numbers[0] ?? 0) >> (WORD_BITS - padding) !== 0)
    return refuse("SHARE_INVALID", "the share is padded with other bits than zeros; whatever made it is at fault")
  return ok(Secret.fill((numbers.length * WORD_BITS - padding) / 8, (bytes) => unpack(numbers, padding, bytes)))
}

function unpack(numbers: readonly number[], padding: number, bytes: Uint8Array): void {
  let filled = 0
  let bits = -padding
  let pending = 0
  for (const number of numbers) {
    pending = ((pending << WORD_BITS) | number) & 0x3ffff
    for (bits += WORD_BITS; bits >= 8; bits -= 8) bytes[filled++] = pending >> (bits - 8)
  }
}

/** Bytes as 10-bit numbers, with zeros on the left. */
function wordsOfBytes(bytes: Uint8Array): readonly number[] {
  const count = Math.ceil((bytes.length * 8) / WORD_BITS)
  const numbers: number[] = []
  let bits = count * WORD_BITS - bytes.length * 8
  let pending = 0
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0x3ffff
    bits += 8
    if (bits >= WORD_BITS) {
      bits -= WORD_BITS
      numbers.push((pending >> bits) & 1_023)
    }
  }
  return numbers
}

function wrongLength(count: number): Refusal<"SHARE_LENGTH"> {
  return refuse("SHARE_LENGTH", `the share has ${count} words; a share of a root has ${SHARE_WORD_COUNT}`, { count })
}
