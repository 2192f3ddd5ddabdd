import { createHash } from "node:crypto"
import { ok, refuse, type RandomBytes, type Result } from "@keygrove/base"
import type { Caller } from "@keygrove/keys"
import type { Clock } from "@keygrove/service"

/** How long a link may be used. */
export const LINK_LIFE_MS = 120_000
/** Links that are remembered, used ones until they would have ended; the oldest goes when one more is made. */
export const MAX_LINKS = 8
const TOKEN_BYTES = 32

interface Link {
  /** Who asked for it, and so whom its session acts for. */
  readonly caller: Caller
  readonly madeAt: number
  used: boolean
}

interface LoginLinksOptions {
  readonly clock: Clock
  readonly randomBytes: RandomBytes
}

/** What is told once, and kept as a hash. */
export interface LoginToken {
  /** 32 random bytes in base64url. */
  readonly token: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** Tokens that log in to the console once, within two minutes. Only their hashes are kept. */
export class LoginLinks {
  readonly #options: LoginLinksOptions
  /** By the hash of the token, the oldest first. */
  readonly #links: Map<string, Link> = new Map()

  constructor(options: LoginLinksOptions) {
    this.#options = options
  }

  make(caller: Caller): LoginToken {
    this.#prune()
    const token = Buffer.from(this.#options.randomBytes(TOKEN_BYTES)).toString("base64url")
    const madeAt = this.#options.clock.now()
    for (const oldest of [...this.#links.keys()].slice(0, Math.max(0, this.#links.size - MAX_LINKS + 1))) this.#links.delete(oldest)
    this.#links.set(hashOf(token), { caller, madeAt, used: false })
    return { token, expiresAt: madeAt + LINK_LIFE_MS }
  }

  /** Uses a link up and tells who had made it. The hash is looked up, not the token: how long that takes tells nothing of it. */
  take(token: string): Result<Caller, "CONSOLE_LINK_INVALID"> {
    this.#prune()
    const link = this.#links.get(hashOf(token))
    if (link === undefined)
      return refuse(
        "CONSOLE_LINK_INVALID",
        "the link has ended or was never made by this run of the node; `keygrove console` makes another",
      )
    if (link.used)
      return refuse(
        "CONSOLE_LINK_INVALID",
        "the link was used before. If it was not you, run `keygrove lock`, which ends all sessions; `keygrove console` makes another",
      )
    link.used = true
    return ok(link.caller)
  }

  /** Ends all links. */
  clear(): void {
    this.#links.clear()
  }

  #prune(): void {
    const now = this.#options.clock.now()
    // A clock that was set back ends links, too, instead of making them live longer.
    for (const [hash, { madeAt }] of this.#links) if (now < madeAt || now - madeAt >= LINK_LIFE_MS) this.#links.delete(hash)
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token, "utf8").digest("hex")
}
