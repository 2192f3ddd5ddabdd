import { ok, refuse, utf8, type Brand, type Result } from "@keygrove/base"

/** The name under which data is encrypted, e.g. `photos/2026`. */
export type Label = Brand<string, "Label">

/** Longest label in bytes of UTF-8. */
export const MAX_LABEL_BYTES = 128

/** Control, format (also those that reorder text), surrogate and private characters, line and paragraph separators. Not unassigned ones: which those are depends on the runtime's Unicode version. */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u
/** Spaces other than the plain one look like it or like nothing. */
const ODD_SPACE = /[^\S ]/u

/**
 * Checks a label; the one grammar for labels everywhere. 1 to 128 bytes of UTF-8 in Unicode form NFC; parts separated by `/`; no part is
 * empty, `.` or `..`, or starts or ends with a space; no control, formatting or private characters; the only white space is U+0020.
 * Upper and lower case differ.
 */
export function decodeLabel(value: unknown): Result<Label, "LABEL_INVALID"> {
  if (typeof value !== "string") return refuse("LABEL_INVALID", "a label is text, for example photos/2026")
  // Every UTF-16 unit needs at least one byte, so long input is refused before it is scanned.
  if (value.length === 0 || value.length > MAX_LABEL_BYTES) return wrongLength(value.length, "characters")
  if (!value.isWellFormed() || FORBIDDEN.test(value) || ODD_SPACE.test(value)) {
    return refuse(
      "LABEL_INVALID",
      "the label has a control, formatting or unusual space character; use letters, digits, punctuation and plain spaces",
    )
  }
  const bytes = utf8(value).length
  if (bytes > MAX_LABEL_BYTES) return wrongLength(bytes, "bytes")
  if (value.normalize("NFC") !== value)
    return refuse("LABEL_INVALID", "the label is not in Unicode form NFC; type it with composed characters")
  for (const part of value.split("/")) {
    if (part === "" || part === "." || part === "..")
      return refuse("LABEL_INVALID", "a label's parts between / are neither empty nor . nor ..")
    if (part.trim() !== part) return refuse("LABEL_INVALID", "a label's parts do not start or end with a space")
  }
  return ok(value as Label)
}

function wrongLength(length: number, unit: string): Result<never, "LABEL_INVALID"> {
  return refuse("LABEL_INVALID", `the label has ${length} ${unit}; 1 to ${MAX_LABEL_BYTES} bytes are allowed`)
}
