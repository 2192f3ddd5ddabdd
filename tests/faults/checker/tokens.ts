import { createHash } from "node:crypto"
import { decode } from "cborg"

/** The token of an entry of which the writer knew every byte. */
export function entryToken(bytes: Uint8Array): string {
  return `entry ${createHash("sha256").update(bytes).digest("hex")}`
}

/** The token of an offer that a node signed itself: nobody else made one of that capacity. */
export function offerToken(path: string, capacity: number): string {
  return `offer of ${path}: ${capacity}`
}

/** Everything by which a record may recognise a stored entry. */
export function tokensOf(bytes: Uint8Array): readonly string[] {
  const exact = entryToken(bytes)
  const { body, kind, path } = fieldsOf(bytes)
  if (kind !== "proxy-terms" || typeof path !== "string" || !(body instanceof Uint8Array)) return [exact]
  const { capacity } = fieldsOf(body)
  return typeof capacity === "number" ? [exact, offerToken(path, capacity)] : [exact]
}

/** The fields of a CBOR map; none of anything else. */
function fieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = decode(bytes)
    return typeof value === "object" && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
