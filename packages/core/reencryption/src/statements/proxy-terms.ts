import { brandShape, decodeShape, encodeCanonical, integerShape, type Result } from "@keygrove/base"
import { decodeTimestamp, MAX_COUNTER, type Timestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import { MAX_ADDRESS_CHARACTERS, MAX_PROXY_ADDRESSES, MAX_PROXY_CAPACITY } from "./limits.ts"

/** What a node offers as a proxy. Signed by the node's signing key. */
export interface ProxyTerms {
  /** Counts up from 1 with each statement of this node, so that older terms cannot be replayed. */
  readonly revision: number
  /** Fragments are kept until then; 0 ends the offer for new policies. */
  readonly until: Timestamp
  /** Most fragments kept at once. */
  readonly capacity: number
  /** Where the node listens: multiaddrs without the /p2p part. */
  readonly addresses: readonly string[]
}

/** Longest encoded form in bytes. */
export const MAX_PROXY_TERMS_BYTES = 8192

const shape = v.strictObject({
  revision: integerShape(1, MAX_COUNTER),
  until: brandShape(decodeTimestamp),
  capacity: integerShape(0, MAX_PROXY_CAPACITY),
  addresses: v.pipe(
    v.array(v.pipe(v.string(), v.maxLength(MAX_ADDRESS_CHARACTERS), v.regex(/^\/[\x21-\x7e]+$/))),
    v.maxLength(MAX_PROXY_ADDRESSES),
  ),
})

/** Canonical CBOR of the terms. */
export function encodeProxyTerms(terms: ProxyTerms): Uint8Array {
  return encodeCanonical({ revision: terms.revision, until: terms.until, capacity: terms.capacity, addresses: terms.addresses })
}

/** Strict inverse of {@link encodeProxyTerms}. */
export function decodeProxyTerms(bytes: Uint8Array): Result<ProxyTerms, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_PROXY_TERMS_BYTES, code: "STATEMENT_INVALID", noun: "proxy terms" })
}
