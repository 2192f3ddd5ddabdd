import { refuse, type Result } from "@keygrove/base"

/** Longest request or answer in bytes. */
export const MAX_MESSAGE_BYTES = 1_048_576
/** Requests of one peer that a node has under way at once, over all protocols. */
export const MAX_PEER_REQUESTS = 64

/** Why a request that is too long is not sent; `undefined` for one that is not. Every transport checks with it. */
export function refuseTooLong(body: Uint8Array): Result<never, "MESSAGE_TOO_LONG"> | undefined {
  if (body.length <= MAX_MESSAGE_BYTES) return undefined
  return refuse(
    "MESSAGE_TOO_LONG",
    `a message to a node has at most ${MAX_MESSAGE_BYTES} bytes, this one has ${body.length}; send less at once`,
  )
}
