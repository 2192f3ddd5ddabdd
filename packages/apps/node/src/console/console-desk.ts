import type { IncomingMessage, ServerResponse } from "node:http"
import { openConsoleAssets, type ConsoleAsset } from "@keygrove/console"
import { refuse, type RandomBytes, type Refusal, type Result, ok } from "@keygrove/base"
import type { Caller } from "@keygrove/keys"
import { takeToken, type Rate, type TokenBucket } from "@keygrove/peering"
import type { Clock } from "@keygrove/service"
import type { RpcCaller } from "../rpc/callers.ts"
import { failure } from "../rpc/dispatch.ts"
import { answer, parseJson, readBody } from "../rpc/http-messages.ts"
import { CONSOLE_METHODS } from "./console-methods.ts"
import { ConsoleSessions, MAX_LIFE_MS, type ConsoleSession } from "./console-sessions.ts"
import { LoginLinks } from "./login-links.ts"
import { cookieNames, cookieValues, foreignRequest, headerOf, type RequestKind } from "./request-rules.ts"
import { SECURITY_HEADERS } from "./security-headers.ts"

/** Where the console is below the address of JSON-RPC; cookies are sent to nothing else. */
const PATH = "/console"
/** Tokens that no link has; the right one is never kept waiting. */
const WRONG_TOKEN_RATE: Rate = { burst: 10, perSecond: 1 }
/** At most one line in this time says that somebody tried. */
const WARN_EVERY_MS = 60_000
const MAX_LOGIN_BYTES = 512
/** No call of the console needs more: the longest parameter is a code of 2 KiB. */
const MAX_CALL_BYTES = 16_384

/** What the page sends with each request: its half of the session, and whether the person did something since the last one. */
const KEY_HEADER = "keygrove-session"
const PRESENCE_HEADER = "keygrove-presence"

export interface ConsoleDeskOptions {
  /** TCP port of JSON-RPC; 0 for none, and then there is no console. */
  readonly port: number
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  /** Whether the keystore is locked, to say why a session ended. */
  readonly isLocked: () => boolean
  readonly log: (line: string) => void
}

/** A request for calls that a session may make, under way until disposal. */
export interface ConsoleCall extends Disposable {
  readonly caller: RpcCaller
  readonly maxBodyBytes: number
  /** Fires when the session is ended meanwhile. */
  readonly signal: AbortSignal
}

/** Logs in to the console, hands out its page, and tells which session calls. */
export class ConsoleDesk {
  readonly #options: ConsoleDeskOptions
  readonly #links: LoginLinks
  readonly #sessions: ConsoleSessions
  readonly #cookiePrefix: string
  #assets: Promise<ReadonlyMap<string, ConsoleAsset>> | undefined
  #wrongTokens: TokenBucket | undefined
  #warnedAt: number | undefined

  constructor(options: ConsoleDeskOptions) {
    this.#options = options
    this.#cookiePrefix = `keygrove-console-${options.port}-`
    this.#links = new LoginLinks(options)
    this.#sessions = new ConsoleSessions({ ...options, cookiePrefix: this.#cookiePrefix })
  }

  /** Whether a request is for the console. */
  static serves({ url = "" }: IncomingMessage): boolean {
    return url === PATH || url.startsWith(`${PATH}/`) || url.startsWith(`${PATH}?`)
  }

  /** A link that logs in once as whoever asked for it. The token is in its fragment, which browsers send to nobody. */
  makeLink(caller: Caller): Result<{ readonly url: string; readonly expiresAt: number }, "CONSOLE_NO_PORT"> {
    const { port } = this.#options
    if (port === 0)
      return refuse("CONSOLE_NO_PORT", 'the node listens on no TCP port; give it one as "rpcPort" in config.json and restart it')
    const { expiresAt, token } = this.#links.make(caller)
    return ok({ url: `http://127.0.0.1:${port}${PATH}#${token}`, expiresAt })
  }

  /** Ends all sessions and links. */
  endAll(): void {
    this.#links.clear()
    this.#sessions.clear()
  }

  /** Answers a request, unless it is for calls and by a session: those are the caller's to perform. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<ConsoleCall | undefined> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    const [path = ""] = (request.url ?? "").split("?")
    const kind: RequestKind = path === `${PATH}/rpc` || path === `${PATH}/session` ? "call" : path === PATH ? "page" : "part"
    const foreign = foreignRequest(kind, request.headers)
    if (foreign !== undefined) return refuseWith(response, 403, foreign)
    if (kind !== "call") return await this.#sendAsset(request, response, path)
    if (request.method === "POST" && !/^application\/json\b/.test(request.headers["content-type"] ?? ""))
      return refuseWith(response, 415, refuse("RPC_REQUEST_INVALID", "send JSON, and say so as its content-type"))
    if (path === `${PATH}/rpc`) return request.method === "POST" ? this.#call(request, response) : wrongMethod(response)
    if (request.method === "POST") return await this.#login(request, response)
    return request.method === "DELETE" ? this.#logout(request, response) : wrongMethod(response)
  }

  async #login(request: IncomingMessage, response: ServerResponse): Promise<undefined> {
    const body = await readBody(request, MAX_LOGIN_BYTES)
    if (!body.ok) return refuseWith(response, 413, body)
    const parsed = parseJson(body.value)
    if (!parsed.ok) return refuseWith(response, 400, parsed)
    const taken = this.#links.take(tokenOf(parsed.value))
    if (!taken.ok) return this.#refuseToken(response, taken)
    const { cookie, cookieName, pageKey } = this.#sessions.open(taken.value)
    // Cookies of sessions that are over would add up to more than a header may have.
    const over = cookieNames(request.headers.cookie, this.#cookiePrefix).filter((name) => !this.#sessions.hasCookie(name))
    response.setHeader("set-cookie", [...over.map(expired), `${cookieName}=${cookie}; ${COOKIE_RULES}; Max-Age=${MAX_LIFE_MS / 1_000}`])
    return end(response, { key: pageKey })
  }

  #refuseToken(response: ServerResponse, refusal: Refusal): undefined {
    const { bucket, taken } = takeToken(this.#wrongTokens, WRONG_TOKEN_RATE, this.#options.clock.now())
    this.#wrongTokens = bucket
    this.#warn(refusal)
    if (taken) return refuseWith(response, 401, refusal)
    return refuseWith(response, 429, refuse("RPC_FAILURES_LIMITED", "too many links were wrong; try again in a moment"))
  }

  #warn({ code, message }: Refusal): void {
    const now = this.#options.clock.now()
    if (this.#warnedAt !== undefined && now >= this.#warnedAt && now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    this.#options.log(`${code}: somebody could not log in to the console: ${message}`)
  }

  #logout(request: IncomingMessage, response: ServerResponse): undefined {
    const session = this.#sessionOf(request)
    if (session === undefined) return this.#refuseSession(response)
    this.#sessions.close(session)
    response.setHeader("set-cookie", expired(session.cookieName))
    return end(response, { state: "ended" })
  }

  #call(request: IncomingMessage, response: ServerResponse): ConsoleCall | undefined {
    const session = this.#sessionOf(request)
    if (session === undefined) return this.#refuseSession(response)
    const work = this.#sessions.begin(session, headerOf(request.headers, PRESENCE_HEADER) === "person")
    if (work === undefined)
      return refuseWith(response, 429, refuse("RPC_BUSY", "this session asks too much at once; try again in a moment"))
    const mayCallBy = "docs/decisions/console.md"
    const caller: RpcCaller = { caller: session.caller, mayCall: (method) => CONSOLE_METHODS.has(method), mayCallBy }
    return { caller, maxBodyBytes: MAX_CALL_BYTES, signal: work.signal, [Symbol.dispose]: () => work[Symbol.dispose]() }
  }

  #sessionOf({ headers }: IncomingMessage): ConsoleSession | undefined {
    const pageKey = headerOf(headers, KEY_HEADER)
    return pageKey === undefined ? undefined : this.#sessions.find(pageKey, (name) => cookieValues(headers.cookie, name))
  }

  #refuseSession(response: ServerResponse): undefined {
    const why = this.#options.isLocked() ? "the node is locked, which ended all sessions" : "the session has ended"
    return refuseWith(response, 401, refuse("CONSOLE_SESSION_ENDED", `${why}; \`keygrove console\` makes a link for a new one`))
  }

  async #sendAsset(request: IncomingMessage, response: ServerResponse, path: string): Promise<undefined> {
    if (request.method !== "GET") return wrongMethod(response)
    this.#assets ??= openConsoleAssets()
    const asset = (await this.#assets).get(path === PATH ? "index.html" : path.slice(PATH.length + 1))
    if (asset === undefined)
      return refuseWith(response, 404, refuse("RPC_REQUEST_INVALID", `the console is at ${PATH}, and has no such part`))
    response.writeHead(200, { "content-type": asset.type, "content-length": asset.body.length }).end(asset.body)
    return undefined
  }
}

const COOKIE_RULES = `Path=${PATH}; HttpOnly; SameSite=Strict`

function expired(name: string): string {
  return `${name}=; ${COOKIE_RULES}; Max-Age=0`
}

function tokenOf(body: unknown): string {
  return typeof body === "object" && body !== null && "token" in body && typeof body.token === "string" ? body.token : ""
}

function end(response: ServerResponse, body: object): undefined {
  answer(response, 200, body)
  return undefined
}

function wrongMethod(response: ServerResponse): undefined {
  return refuseWith(response, 405, refuse("RPC_REQUEST_INVALID", "the console is read by GET, and calls by POST"))
}

function refuseWith(response: ServerResponse, status: number, refusal: Refusal): undefined {
  answer(response, status, failure(null, refusal))
  return undefined
}
