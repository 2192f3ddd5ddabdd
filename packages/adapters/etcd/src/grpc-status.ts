import type { IncomingHttpHeaders } from "node:http2"

/** What a server says of a call at its end; status 0 is good. */
export interface GrpcStatus {
  readonly status: number
  /** Printable, at most 300 characters. */
  readonly message: string
}

const NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]

/** The name of a status in messages. */
export function nameOfStatus(status: number): string {
  return NAMES[status] ?? `status ${status}`
}

/** The status in headers or trailers, if they have one. */
export function statusIn(headers: IncomingHttpHeaders): GrpcStatus | undefined {
  const text = headers["grpc-status"]
  if (typeof text !== "string" || !/^\d{1,3}$/.test(text)) return undefined
  const message = headers["grpc-message"]
  return { status: Number(text), message: typeof message === "string" ? readable(message) : "" }
}

/** gRPC writes messages percent-encoded. */
function readable(text: string): string {
  let plain = text.slice(0, 1_000)
  try {
    plain = decodeURIComponent(plain)
  } catch {
    // Cut or wrongly encoded: shown as it came.
  }
  return plain.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 300)
}
