import { bech32m } from "@scure/base"

/** Characters of a {@link encodeCheckedText} of so many bytes. */
export function checkedTextLength(prefix: string, bytes: number): number {
  // The separator, 5 bits a character, and 6 characters of checksum.
  return prefix.length + 1 + Math.ceil((bytes * 8) / 5) + 6
}

/** Public bytes as text that people copy, type and scan: bech32m (BIP 350, without its limit of 90 characters), lower case. */
export function encodeCheckedText(prefix: string, bytes: Uint8Array): string {
  return bech32m.encode(prefix, bech32m.toWords(bytes), checkedTextLength(prefix, bytes.length))
}

/** The bytes behind a prefix; `undefined` when there is a typing error, another prefix, mixed case or a bad padding. */
export function decodeCheckedText(prefix: string, text: string): Uint8Array | undefined {
  const decoded = bech32m.decodeUnsafe(text, text.length)
  if (decoded === undefined || decoded.prefix !== prefix) return undefined
  const bytes = bech32m.fromWordsUnsafe(decoded.words)
  return bytes === undefined ? undefined : Uint8Array.from(bytes)
}
