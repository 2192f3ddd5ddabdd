import { randomBytes, timingSafeEqual } from "node:crypto"
import type { MethodName } from "@keygrove/api"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { Caller } from "@keygrove/keys"
import { takeToken, type Rate, type TokenBucket } from "@keygrove/peering"
import type { Clock } from "@keygrove/service"
import { KEY_USES, verifierOf, type RpcUser } from "./rpc-user.ts"

/** Who calls: how the rules of keys and the audit trail name it, and what it may call. */
export interface RpcCaller {
  readonly caller: Caller
  mayCall(method: MethodName): boolean
  /** Where it is said what it may call, for who may not call everything. */
  readonly mayCallBy?: string
}

/** Where a call came in, and what the system tells about who sent it. */
export type CallOrigin =
  | { readonly place: "loopback" }
  /** `uid` is missing where the system does not tell it; the socket's mode admits the node's own user and root. */
  | { readonly place: "socket"; readonly uid?: number }

/** Wrong passwords for one name that are looked at: so many at once, and one more a second. */
export const FAILURE_RATE: Rate = { burst: 10, perSecond: 1 }

/** At most one line in this time says that somebody seems to guess. */
const WARN_EVERY_MS = 60_000
const COOKIE_USER = "__cookie__"
const COOKIE_BYTES = 32
/** Names that nobody configured are counted together, so that inventing names costs no memory. */
const NOBODY = ""

interface CallersOptions {
  readonly users: readonly RpcUser[]
  readonly clock: Clock
  /** Told in one line when somebody seems to guess a password. */
  readonly log: (line: string) => void
}

/**
 * Tells who calls by what a request carries: the cookie of this run of the node, or the name and password of a configured user. Both are compared in
 * constant time, and for names that nobody has too. Guessing the password of one name makes that name wait, on the place where it was guessed
 * alone; the cookie, which is random and 32 bytes long, never has to.
 */
export class Callers {
  /** Content of the cookie file. */
  readonly cookie: string = `${COOKIE_USER}:${randomBytes(COOKIE_BYTES).toString("hex")}`
  readonly #options: CallersOptions
  readonly #expected: Buffer
  readonly #users: ReadonlyMap<string, RpcUser>
  readonly #callers: ReadonlyMap<string, RpcCaller>
  /** By place and name: at most two for each user, and two more. */
  readonly #failures: Map<string, TokenBucket> = new Map()
  #warnedAt: number | undefined
  readonly #decoy: RpcUser = { name: NOBODY, salt: randomBytes(16).toString("hex"), verifier: randomBytes(32).toString("hex") }

  constructor(options: CallersOptions) {
    this.#options = options
    this.#expected = Buffer.from(`Basic ${Buffer.from(this.cookie).toString("base64")}`)
    this.#users = new Map(options.users.map((user) => [user.name, user]))
    this.#callers = new Map(options.users.map((user) => [user.name, callerOf(user)]))
  }

  /** Who sent a request with this `Authorization`. */
  identify(authorization: string | undefined, origin: CallOrigin): Result<RpcCaller, "RPC_UNAUTHORISED" | "RPC_FAILURES_LIMITED"> {
    const given = Buffer.from(authorization ?? "")
    if (given.length === this.#expected.length && timingSafeEqual(given, this.#expected))
      return ok({ caller: ownerOf(origin), mayCall: () => true })
    const credentials = credentialsOf(authorization)
    if (credentials === undefined || credentials.name === COOKIE_USER)
      return refuse("RPC_UNAUTHORISED", "the cookie is missing or not of this run of the node; read .cookie in its home directory")
    return this.#identifyUser(credentials, origin)
  }

  #identifyUser(
    { name, password }: { readonly name: string; readonly password: string },
    { place }: CallOrigin,
  ): Result<RpcCaller, "RPC_UNAUTHORISED" | "RPC_FAILURES_LIMITED"> {
    const user = this.#users.get(name) ?? this.#decoy
    const key = `${place}:${user.name}`
    const { bucket, taken } = takeToken(this.#failures.get(key), FAILURE_RATE, this.#options.clock.now())
    if (!taken) return tooManyFailures()
    const isRight = timingSafeEqual(Buffer.from(verifierOf(password, user.salt)), Buffer.from(user.verifier))
    const caller = this.#callers.get(user.name)
    if (isRight && caller !== undefined) return ok(caller)
    this.#failures.set(key, bucket)
    if (!takeToken(bucket, FAILURE_RATE, bucket.at).taken) this.#warn(user, place)
    return refuse("RPC_UNAUTHORISED", 'the name or the password is wrong; `keygrove rpc-user` makes them for "rpcUsers" of config.json')
  }

  #warn(user: RpcUser, place: CallOrigin["place"]): void {
    const now = this.#options.clock.now()
    if (this.#warnedAt !== undefined && now >= this.#warnedAt && now - this.#warnedAt < WARN_EVERY_MS) return
    this.#warnedAt = now
    // Never the name that was sent: it may be a password in the wrong place.
    const whose = user === this.#decoy ? "names that no RPC user has" : `the RPC user ${user.name}`
    this.#options.log(`RPC_FAILURES_LIMITED: too many wrong passwords for ${whose}, on the ${place}; is somebody guessing?`)
  }
}

/** Whoever holds the cookie acts for the node's owner: as the user that the system names, as the node where it names none. */
function ownerOf(origin: CallOrigin): Caller {
  return origin.place === "loopback" ? "node" : `uid:${origin.uid ?? process.getuid?.() ?? 0}`
}

function callerOf({ methods = KEY_USES, name }: RpcUser): RpcCaller {
  const allowed: ReadonlySet<MethodName> = new Set(methods)
  return { caller: `rpc:${name}`, mayCall: (method) => allowed.has(method), mayCallBy: '"rpcUsers" of the node\'s config.json' }
}

function tooManyFailures(): Refusal<"RPC_FAILURES_LIMITED"> {
  return refuse("RPC_FAILURES_LIMITED", `${FAILURE_RATE.burst} passwords for this name were wrong; try again in a moment`)
}

/** Name and password of basic authentication (RFC 7617). */
function credentialsOf(authorization: string | undefined): { readonly name: string; readonly password: string } | undefined {
  const encoded = /^basic +([a-z0-9+/]+=*)$/i.exec(authorization ?? "")?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, "base64").toString("utf8")
  const colon = text.indexOf(":")
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
