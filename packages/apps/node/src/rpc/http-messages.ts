import type { IncomingMessage, ServerResponse } from "node:http"
import { ok, refuse, type Result } from "@keygrove/base"

/** A body over the limit is read and thrown away up to here, so that its sender is still there to read why. */
const MAX_DISCARDED_BYTES = 8_388_608

/** The body of a request as text. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Result<string, "RPC_TOO_LARGE">> {
  const chunks: Buffer[] = []
  let length = 0
  // Leaving the loop early must not take the connection along: the answer goes over it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) continue
    length += chunk.length
    if (length > MAX_DISCARDED_BYTES) break
    if (length <= maxBytes) chunks.push(chunk)
  }
  if (length <= maxBytes) return ok(Buffer.concat(chunks).toString("utf8"))
  return refuse("RPC_TOO_LARGE", `the request has more than ${maxBytes} bytes; send less at once`)
}

export function parseJson(text: string): Result<unknown, "RPC_NOT_JSON"> {
  try {
    return ok(JSON.parse(text))
  } catch {
    return refuse("RPC_NOT_JSON", "the body is not JSON")
  }
}

/** Answers with JSON; headers that were set before stay. */
export function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
    })
    .end(text)
}
