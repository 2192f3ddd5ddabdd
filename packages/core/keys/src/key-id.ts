import { ok, refuse, type Brand, type Result } from "@keygrove/base"

/**
 * Name of a key in one keystore, the only handle there is: words of a-z, 0-9 and - with `/` between them, as in `web/tls` or `backup-2026`.
 * One spelling a key: no capitals, no dots, no empty words, so that neither a path nor a twin of another id can hide in one.
 */
export type KeyId = Brand<string, "KeyId">

/** Longest id, in characters. */
export const MAX_KEY_ID_LENGTH = 128
const MAX_WORDS = 8
const WORD = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Checks an id; the one grammar everywhere. */
export function decodeKeyId(value: unknown): Result<KeyId, "KEY_ID_INVALID"> {
  if (typeof value !== "string" || value === "") return refuse("KEY_ID_INVALID", "a key id is text such as web/tls")
  // Refused before it is split or quoted.
  if (value.length > MAX_KEY_ID_LENGTH)
    return refuse("KEY_ID_INVALID", `key id has ${value.length} characters; at most ${MAX_KEY_ID_LENGTH} are allowed`)
  const words = value.split("/")
  if (words.length > MAX_WORDS) return refuse("KEY_ID_INVALID", `key id has ${words.length} words; at most ${MAX_WORDS} are allowed`)
  if (words.every((word) => WORD.test(word))) return ok(value as KeyId)
  return refuse("KEY_ID_INVALID", "a key id is words of a-z, 0-9 and -, each 1 to 63 characters, with / between them, as in web/tls")
}
