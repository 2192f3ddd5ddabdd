import { createHash, timingSafeEqual } from "node:crypto"
import { KeygroveError, toHex, type RandomBytes } from "@keygrove/base"
import type { Caller } from "@keygrove/keys"
import { takeToken, type Rate, type TokenBucket } from "@keygrove/peering"
import type { Clock } from "@keygrove/service"

/** How long a session lasts without a sign of the person, and at most. */
export const IDLE_MS = 900_000
export const MAX_LIFE_MS = 28_800_000
/** Of one node; whoever logs in as one more ends the one that was used longest ago. */
export const MAX_SESSIONS = 12
/** Requests of one session. */
export const SESSION_RATE: Rate = { burst: 40, perSecond: 10 }
/** Requests of one session at a time: a page that waits for a meeting, and for members that are asked, and asks for the state meanwhile. All sessions together leave room for others. */
export const MAX_SESSION_CALLS = 4

const SECRET_BYTES = 32
const NAME_BYTES = 4

/** What a browser holds of a session. Neither half is worth anything without the other. */
export interface SessionSecrets {
  /** Name and value of the cookie, which no script can read; but a browser sends it to every port of this machine. */
  readonly cookieName: string
  readonly cookie: string
  /** What the page sends in a header; storage that belongs to this port alone has it. */
  readonly pageKey: string
}

/** A session of the console. */
export interface ConsoleSession {
  readonly cookieName: string
  /** Whoever made the link. */
  readonly caller: Caller
}

/** A request of a session, under way until disposal. */
export interface SessionWork extends Disposable {
  /** Fires when the session is closed meanwhile. */
  readonly signal: AbortSignal
}

interface SessionState extends ConsoleSession {
  readonly closing: AbortController
  readonly cookieHash: Buffer
  startedAt: number
  usedAt: number
  underWay: number
  bucket: TokenBucket | undefined
}

interface ConsoleSessionsOptions {
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  /** What the names of its cookies begin with: browsers do not tell the ports of a machine apart. */
  readonly cookiePrefix: string
}

/** The sessions of the console. Only hashes of what browsers hold are kept, in memory: sessions end with the node. */
export class ConsoleSessions {
  readonly #options: ConsoleSessionsOptions
  /** By the hash of the page's key. */
  readonly #sessions: Map<string, SessionState> = new Map()

  constructor(options: ConsoleSessionsOptions) {
    this.#options = options
  }

  open(caller: Caller): SessionSecrets {
    this.#prune()
    const byUse = [...this.#sessions].toSorted(([, a], [, b]) => a.usedAt - b.usedAt)
    for (const [, each] of byUse.slice(0, Math.max(0, byUse.length - MAX_SESSIONS + 1))) this.close(each)
    const { clock, cookiePrefix, randomBytes } = this.#options
    const [cookie, pageKey] = [toHex(randomBytes(SECRET_BYTES)), toHex(randomBytes(SECRET_BYTES))]
    const cookieName = cookiePrefix + toHex(randomBytes(NAME_BYTES))
    const now = clock.now()
    const state: SessionState = {
      cookieName,
      caller,
      cookieHash: hashOf(cookie),
      closing: new AbortController(),
      startedAt: now,
      usedAt: now,
      underWay: 0,
      bucket: undefined,
    }
    this.#sessions.set(hashOf(pageKey).toString("hex"), state)
    return { cookieName, cookie, pageKey }
  }

  /** The session with this key of a page and one of these values of its cookie. */
  find(pageKey: string, cookies: (name: string) => readonly string[]): ConsoleSession | undefined {
    this.#prune()
    const session = this.#sessions.get(hashOf(pageKey).toString("hex"))
    if (session === undefined) return undefined
    return cookies(session.cookieName).some((value) => timingSafeEqual(hashOf(value), session.cookieHash)) ? session : undefined
  }

  /** Begins a request, until disposal; `undefined` when the session has too many. Only a sign of the person puts its end off. */
  begin(session: ConsoleSession, isPersonThere: boolean): SessionWork | undefined {
    const state = [...this.#sessions.values()].find((each) => each === session)
    if (state === undefined) return undefined
    const now = this.#options.clock.now()
    const { bucket, taken } = takeToken(state.bucket, SESSION_RATE, now)
    state.bucket = bucket
    if (!taken || state.underWay >= MAX_SESSION_CALLS) return undefined
    if (isPersonThere) state.usedAt = now
    state.underWay++
    return { signal: state.closing.signal, [Symbol.dispose]: () => void state.underWay-- }
  }

  /** Ends a session, with what it has under way. */
  close(session: ConsoleSession): void {
    for (const [key, each] of this.#sessions)
      if (each === session) {
        this.#sessions.delete(key)
        each.closing.abort(
          new KeygroveError("CONSOLE_SESSION_ENDED", "the session was ended; `keygrove console` makes a link for a new one"),
        )
      }
  }

  /** Ends all sessions. */
  clear(): void {
    for (const session of this.#sessions.values()) this.close(session)
  }

  /** Whether a session has a cookie of this name. */
  hasCookie(name: string): boolean {
    this.#prune()
    return [...this.#sessions.values()].some(({ cookieName }) => cookieName === name)
  }

  #prune(): void {
    const now = this.#options.clock.now()
    for (const session of this.#sessions.values()) {
      // A clock that was set back must not put an end off for longer than was promised.
      session.startedAt = Math.min(session.startedAt, now)
      session.usedAt = Math.min(session.usedAt, now)
      if (now - session.usedAt >= IDLE_MS || now - session.startedAt >= MAX_LIFE_MS) this.close(session)
    }
  }
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest()
}
