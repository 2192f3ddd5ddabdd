import { readFileSync } from "node:fs"
import type { Agent, IncomingMessage } from "node:http"
import { ok, refuse, type Refusal, type RefusalData, type Result } from "@keygrove/base/result"

/** Largest answer accepted, in bytes. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
/** How long a call may take unless its signal ends it earlier. */
const DEFAULT_TIMEOUT_MS = 120_000

export interface RpcEndpoint {
  /** Unix socket of the node: `HOME/rpc.sock`. */
  readonly socketPath: string
  /** Cookie file of the node: `HOME/.cookie`. */
  readonly cookiePath: string
}

export interface RpcCallOptions {
  readonly signal?: AbortSignal
}

/** Codes of calls that never got an answer of the node. */
export type RpcFailureCode = "NODE_NOT_RUNNING" | "NODE_UNREACHABLE" | "RPC_ANSWER_INVALID"

/**
 * One JSON-RPC 2.0 call to a local node over its Unix socket. Refusals of the node come back with the node's code.
 * @throws the signal's reason when it fires first.
 */
export async function callRpc(
  endpoint: RpcEndpoint,
  method: string,
  params: object,
  options: RpcCallOptions = {},
): Promise<Result<unknown>> {
  options.signal?.throwIfAborted()
  const cookie = readCookie(endpoint.cookiePath)
  if (!cookie.ok) return cookie
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
  const answer = await post(endpoint, cookie.value, body, options.signal)
  options.signal?.throwIfAborted()
  return answer.ok ? decodeAnswer(answer.value) : answer
}

function readCookie(path: string): Result<string, RpcFailureCode> {
  try {
    return ok(readFileSync(path, "utf8").trim())
  } catch (error) {
    if (isErrno(error) && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return refuse("NODE_NOT_RUNNING", "no node runs on this home directory; start it with `keygrove up`")
    return refuse(
      "NODE_UNREACHABLE",
      `the cookie file ${path} cannot be read (${isErrno(error) ? error.code : "unknown"}); it belongs to whoever started the node`,
    )
  }
}

/** Connections that wait for a next call; a busy program has that many calls under way at once. */
const MAX_IDLE_CONNECTIONS = 8
const state: { agent?: Agent } = {}

/** Keeps connections for the next call, as opening one takes longer than most calls. One that is idle keeps no program from its end. */
function keepingAgent(): Agent {
  // By name instead of by import: an ES import of node:http reads every export, also those that load Undici, which costs 40 ms. And only
  // where there is a node to ask.
  return (state.agent ??= new (process.getBuiltinModule("node:http").Agent)({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS }))
}

async function post(
  endpoint: RpcEndpoint,
  cookie: string,
  body: string,
  signal: AbortSignal | undefined,
): Promise<Result<string, RpcFailureCode>> {
  const timeout = AbortSignal.timeout(DEFAULT_TIMEOUT_MS)
  const agent = keepingAgent()
  const request = process.getBuiltinModule("node:http").request({
    socketPath: endpoint.socketPath,
    method: "POST",
    path: "/",
    agent,
    headers: {
      host: "localhost",
      authorization: `Basic ${Buffer.from(cookie).toString("base64")}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  })
  return await new Promise((resolve) => {
    request.on("error", (error) => {
      // The node closed a connection that waited too long, just when it was used again. Were it another node by now, it would refuse the cookie.
      const isStale = request.reusedSocket && isErrno(error) && (error.code === "ECONNRESET" || error.code === "EPIPE")
      const failure = connectionFailure(error, endpoint, timeout)
      resolve(isStale ? postAgain(failure, endpoint, cookie, { body, signal }) : failure)
    })
    request.on("response", (response) => {
      readAnswer(response).then(resolve, (error: unknown) => resolve(connectionFailure(error, endpoint, timeout)))
    })
    request.end(body)
  })
}

/** After a connection that broke when it was used again. A node that is gone by now may have done what was asked before: that it does not run is no answer to that. */
async function postAgain(
  broken: Refusal<RpcFailureCode>,
  endpoint: RpcEndpoint,
  cookie: string,
  { body, signal }: { readonly body: string; readonly signal: AbortSignal | undefined },
): Promise<Result<string, RpcFailureCode>> {
  const answer = await post(endpoint, cookie, body, signal)
  return !answer.ok && answer.code === "NODE_NOT_RUNNING" ? broken : answer
}

async function readAnswer(response: IncomingMessage): Promise<Result<string, RpcFailureCode>> {
  const chunks: Buffer[] = []
  const state = { length: 0 }
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue
    state.length += chunk.length
    if (state.length > MAX_ANSWER_BYTES)
      return refuse("RPC_ANSWER_INVALID", `the node's answer is longer than ${MAX_ANSWER_BYTES} bytes; ask for less at once`)
    chunks.push(chunk)
  }
  if (response.statusCode === 401)
    return refuse("NODE_UNREACHABLE", "the node did not accept the cookie of this home directory; it was restarted meanwhile, try again")
  const text = Buffer.concat(chunks).toString("utf8")
  return text === ""
    ? refuse("RPC_ANSWER_INVALID", `the node answered HTTP ${response.statusCode ?? 0} without a body; see its log`)
    : ok(text)
}

function connectionFailure(error: unknown, endpoint: RpcEndpoint, timeout: AbortSignal): Refusal<RpcFailureCode> {
  if (timeout.aborted) return refuse("NODE_UNREACHABLE", `the node did not answer within ${DEFAULT_TIMEOUT_MS / 1000} s; see its log`)
  const code = isErrno(error) ? error.code : undefined
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return refuse("NODE_NOT_RUNNING", "no node runs on this home directory; start it with `keygrove up`")
  return refuse("NODE_UNREACHABLE", `the node at ${endpoint.socketPath} broke the connection (${code ?? "unknown"}); see its log`)
}

function decodeAnswer(text: string): Result<unknown> {
  const answer = parseObject(text)
  if (answer !== undefined && "result" in answer) return ok(answer["result"])
  const error = answer?.["error"]
  if (!isRecord(error) || typeof error["message"] !== "string")
    return refuse("RPC_ANSWER_INVALID", "the node's answer is not JSON-RPC 2.0; is it another version of keygrove?")
  const { code, ...data } = isRecord(error["data"]) ? error["data"] : {}
  return refuse(typeof code === "string" ? code : "RPC_ANSWER_INVALID", error["message"], publicData(data))
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function publicData(data: Record<string, unknown>): RefusalData {
  const kept: Record<string, string | number | boolean> = {}
  for (const [name, value] of Object.entries(data)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") kept[name] = value
  }
  return kept
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error
}
