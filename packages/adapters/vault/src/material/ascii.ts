/**
 * Work on bytes that are ASCII text but may hold a secret, so that they never become a string: strings cannot be wiped. What is compared with
 * (labels, member names) is public, so comparing may stop early.
 */

/** Whether the bytes at `from` are the given ASCII text. */
export function startsWithText(bytes: Uint8Array, text: string, from = 0): boolean {
  if (from + text.length > bytes.length) return false
  for (let index = 0; index < text.length; index++) if (bytes[from + index] !== text.charCodeAt(index)) return false
  return true
}

/** Whether the bytes are exactly the given ASCII text. */
export function isText(bytes: Uint8Array, text: string): boolean {
  return bytes.length === text.length && startsWithText(bytes, text)
}

/** Where the ASCII text begins first, at or after `from`; -1 when it does not occur. */
export function indexOfText(bytes: Uint8Array, text: string, from = 0): number {
  for (let at = from; at + text.length <= bytes.length; at++) if (startsWithText(bytes, text, at)) return at
  return -1
}

/** Space, tab, line feed or carriage return. */
export function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}

/** The same bytes (a view, no copy) without the whitespace around them. */
export function trimmed(bytes: Uint8Array): Uint8Array {
  let [start, end] = [0, bytes.length]
  while (start < end && isWhitespace(bytes[start])) start++
  while (end > start && isWhitespace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}

/** Whether every byte is printable ASCII or whitespace. */
export function isPrintable(bytes: Uint8Array): boolean {
  for (const byte of bytes) if ((byte < 0x20 || byte > 0x7e) && !isWhitespace(byte)) return false
  return true
}
