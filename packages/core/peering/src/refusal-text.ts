import type { Shape } from "@keygrove/base"
import * as v from "valibot"

/** Longest message of a refusal, in UTF-16 units. */
const MAX_REFUSAL_CHARACTERS = 1_024

/** A refusal's message as a peer may have it: cut, without control characters, so that it can be shown on a terminal. */
export function refusalText(message: string): string {
  return message.replaceAll(/\p{Cc}/gu, " ").slice(0, MAX_REFUSAL_CHARACTERS)
}

/** What {@link refusalText} may give. A peer that sends anything else could write to the terminal of whoever reads it. */
export const refusalTextShape: Shape<string> = v.pipe(v.string(), v.maxLength(MAX_REFUSAL_CHARACTERS), v.regex(/^[^\p{Cc}]*$/u))
