import { chmodSync, rmSync, writeFileSync } from "node:fs"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { PeerCredentialsReader } from "@keygrove/posix"
import type { Clock } from "@keygrove/service"
import { ConsoleDesk } from "../console/console-desk.ts"
import type { Home } from "../home/home.ts"
import { Callers, type CallOrigin, type RpcCaller } from "./callers.ts"
import { dispatch, failure } from "./dispatch.ts"
import { answer, parseJson, readBody } from "./http-messages.ts"
import type { NodeMethods } from "./phase-methods.ts"
import type { RpcUser } from "./rpc-user.ts"

// By name instead of by import: an ES import of node:http reads every export, also those that load Undici, which costs 40 ms.
const http = process.getBuiltinModule("node:http")

const MAX_BODY_BYTES = 1_048_576
const MAX_UNDER_WAY = 64
const MAX_CONNECTIONS = 256
/** Longest a call may take: a grant waits for proxies. */
const CALL_TIMEOUT_MS = 90_000
/** Longest a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 30_000

export interface RpcServerOptions {
  readonly home: Home
  /** TCP port on 127.0.0.1; 0 for the Unix socket alone. */
  readonly port: number
  readonly methods: NodeMethods
  /** Who may call besides the holder of the cookie, and the sessions of the console. */
  readonly users: readonly RpcUser[]
  /** Serves the console on loopback. */
  readonly console: ConsoleDesk
  /** Tells which user is at the other end of the Unix socket, where the system can. */
  readonly peerOf: PeerCredentialsReader | undefined
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** JSON-RPC 2.0 over HTTP on the home's Unix socket and on loopback, with a cookie that changes at each start. Disposal ends both. */
export async function serveRpc(options: RpcServerOptions): Promise<Result<AsyncDisposable, "RPC_PORT_IN_USE">> {
  const { home, peerOf, port } = options
  await using stack = new AsyncDisposableStack()
  const callers = new Callers(options)
  writeFileSync(home.cookie, callers.cookie, { mode: 0o600 })
  stack.defer(() => rmSync(home.cookie, { force: true }))
  // Disposed of after the servers: they wait a moment for the answers under way, it ends what is left.
  const desk = stack.use(new RequestDesk(options, callers))
  rmSync(home.socket, { force: true })
  const local = createServer(desk, (socket) => localOrigin(peerOf?.(socket)?.uid))
  await listen(local, { path: home.socket })
  stack.defer(async () => await close(local))
  chmodSync(home.socket, 0o600)
  if (port !== 0) {
    const loopback = createServer(desk, () => ({ place: "loopback" }))
    const refused = await listen(loopback, { host: "127.0.0.1", port }).then(
      () => undefined,
      (error: unknown) => portRefusal(error, port),
    )
    if (refused !== undefined) return refused
    stack.defer(async () => await close(loopback))
  }
  const owned = stack.move()
  return ok({ [Symbol.asyncDispose]: async () => await owned.disposeAsync() })
}

/** A request of somebody who is known. */
interface IdentifiedCall {
  readonly caller: RpcCaller
  readonly maxBodyBytes: number
  /** Fires when the caller may call no more. */
  readonly signal?: AbortSignal
}

class RequestDesk implements AsyncDisposable {
  readonly #options: RpcServerOptions
  readonly #callers: Callers
  readonly #stop = new AbortController()
  readonly #underWay: Set<Promise<void>> = new Set()

  constructor(options: RpcServerOptions, callers: Callers) {
    this.#options = options
    this.#callers = callers
  }

  /** Answers one request; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse, origin: CallOrigin): Promise<void> {
    try {
      await this.#handle(request, response, origin)
    } catch (error) {
      // A client that leaves in the middle of its request is nobody's fault.
      if (request.complete) this.#options.log(`RPC_INTERNAL: ${error instanceof Error ? error.message : "unknown"}`)
      response.destroy()
    }
  }

  /** Aborts the calls under way and waits for their ends, so that nothing uses the node after it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#underWay)
  }

  async #handle(request: IncomingMessage, response: ServerResponse, origin: CallOrigin): Promise<void> {
    if (origin.place === "loopback" && ConsoleDesk.serves(request)) {
      using call = await this.#options.console.handle(request, response)
      if (call !== undefined) await this.#track(request, response, call)
      return
    }
    const foreign = foreignOrigin(request)
    if (foreign)
      return answer(
        response,
        403,
        failure(null, refuse("RPC_UNAUTHORISED", "requests from web pages or under foreign host names are refused")),
      )
    if (request.method === "GET" && request.url === "/health") {
      const { state } = this.#options.methods.phases
      return answer(response, state === "serving" ? 200 : 503, { state })
    }
    const identified = this.#callers.identify(request.headers.authorization, origin)
    if (!identified.ok) return answer(response, identified.code === "RPC_UNAUTHORISED" ? 401 : 429, failure(null, identified))
    if (request.method !== "POST") return answer(response, 405, failure(null, refuse("RPC_REQUEST_INVALID", "send JSON-RPC 2.0 by POST")))
    await this.#track(request, response, { caller: identified.value, maxBodyBytes: MAX_BODY_BYTES })
  }

  /** Performs the calls of a request unless too many are under way. */
  async #track(request: IncomingMessage, response: ServerResponse, call: IdentifiedCall): Promise<void> {
    if (this.#underWay.size >= MAX_UNDER_WAY)
      return answer(response, 503, failure(null, refuse("RPC_BUSY", `${MAX_UNDER_WAY} requests are under way; try again in a moment`)))
    const work = this.#perform(request, response, call)
    this.#underWay.add(work)
    await work.finally(() => this.#underWay.delete(work))
  }

  async #perform(request: IncomingMessage, response: ServerResponse, call: IdentifiedCall): Promise<void> {
    const { caller, maxBodyBytes } = call
    const body = await readBody(request, maxBodyBytes)
    if (!body.ok) return answer(response, 413, failure(null, body))
    const parsed = parseJson(body.value)
    if (!parsed.ok) return answer(response, 400, failure(null, parsed))
    const gone = new AbortController()
    // Not after an answer: making the reason of an abort would take a tenth of the time of the call.
    response.once("close", () => void (response.writableFinished || gone.abort()))
    const ends = [AbortSignal.timeout(CALL_TIMEOUT_MS), gone.signal, this.#stop.signal]
    const signal = AbortSignal.any(call.signal === undefined ? ends : [...ends, call.signal])
    const onFault = (method: string, error: unknown): void =>
      this.#options.log(`RPC_INTERNAL: ${method}: ${error instanceof Error ? (error.stack ?? error.message) : "unknown"}`)
    const result = await dispatch(this.#options.methods, parsed.value, { caller, signal, onFault })
    if (result === undefined) response.writeHead(204).end()
    else answer(response, 200, result)
  }
}

/** A browser says where a request comes from and to which name; neither may be foreign (DNS rebinding). */
function foreignOrigin(request: IncomingMessage): boolean {
  if (request.headers.origin !== undefined) return true
  const name = (request.headers.host ?? "").replace(/:\d+$/, "")
  return !["localhost", "127.0.0.1", "[::1]"].includes(name)
}

function localOrigin(uid: number | undefined): CallOrigin {
  return uid === undefined ? { place: "socket" } : { place: "socket", uid }
}

function createServer(desk: RequestDesk, originOf: (socket: Socket) => CallOrigin): Server {
  const origins = new WeakMap<Socket, CallOrigin>()
  const server = http.createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: 5_000 },
    (request, response) => {
      void desk.handle(request, response, origins.get(request.socket) ?? originOf(request.socket))
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  // Once a connection: its other end stays whose it was.
  server.on("connection", (socket) => origins.set(socket, originOf(socket)))
  // A request that is not HTTP, or ends in its middle, harms its own connection only.
  server.on("clientError", (_error, socket) => socket.destroy())
  return server
}

async function listen(server: Server, where: { readonly path: string } | { readonly host: string; readonly port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(where, () => resolve()))
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  // Answers under way are finished; connections that wait for a next request are not.
  const idle = setInterval(() => server.closeIdleConnections(), 20)
  const all = setTimeout(() => server.closeAllConnections(), 1_000)
  await closed
  clearInterval(idle)
  clearTimeout(all)
}

function portRefusal(error: unknown, port: number): Refusal<"RPC_PORT_IN_USE"> {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
    return refuse(
      "RPC_PORT_IN_USE",
      `another program listens on 127.0.0.1:${port}; stop it, or set "rpcPort" in config.json to another port or to 0 for none`,
      { port },
    )
  }
  throw error
}
