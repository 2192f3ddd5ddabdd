import { ok, refuse, Secret, type Refusal, type Result } from "@keygrove/base"
import type { CallOptions, KeyBackendRefusal } from "@keygrove/service"
import { CKF, CKU_USER } from "./constants.ts"
import { loadCryptoki, type Cryptoki, type Handle } from "./cryptoki.ts"
import { kindOf, refusalOf, returnValueOf } from "./failures.ts"
import { SessionPool } from "./session-pool.ts"

/** Where a token is, and how to log in. */
export interface TokenPlace {
  /** Path of the shared library of the token's maker. */
  readonly module: string
  /** Label of the token, without the blanks that fill it. */
  readonly label: string
  /** Reads the user PIN, which belongs to the caller; asked once for each login. */
  readonly readPin: () => Result<Secret>
  /** Loads the module; from its path unless given. */
  readonly load?: (path: string) => Promise<Result<Cryptoki, "PKCS11_UNAVAILABLE">>
  /** How long a token that could not be opened is not looked for again: 1,000 unless given. */
  readonly retryMs?: number
}

/** What one call of the module has. */
export interface TokenSession {
  readonly cryptoki: Cryptoki
  readonly handle: Handle
  readonly mechanisms: ReadonlySet<number>
  /** Handles of the token's objects, by name; good as long as the login. */
  readonly objects: Map<string, Handle>
}

interface Link extends Omit<TokenSession, "handle"> {
  readonly pool: SessionPool
}

type Answer<T> = Promise<Result<T, KeyBackendRefusal>>

const MAX_PIN_CHARACTERS = 255
const RETRY_MS = 1_000

/**
 * A token behind its module: found by its label and logged in to at the first use, again after it was taken out or lost its sessions. A refused PIN is never
 * tried again, for tokens lock themselves after few. Calls of the module run on other threads, a few at a time, but for logging in, looking for objects and removing
 * them, which the binding has in one form only, and which are rare.
 */
export class Token implements Disposable {
  readonly #place: TokenPlace
  #cryptoki: Cryptoki | undefined
  #link: Link | undefined
  /** Of a connection that was lost, whose calls may still be under way. */
  #before: SessionPool | undefined
  /** Whether the module is to be started anew, because some look for tokens only then. */
  #isStale = false
  /** The last failure to connect, and when. */
  #failed: { readonly at: number; readonly refusal: Refusal<KeyBackendRefusal> } | undefined
  #linking: Answer<Link> | undefined
  /** Why nobody logs in any more. */
  #barred: Refusal<"PKCS11_PIN_REFUSED"> | undefined

  constructor(place: TokenPlace) {
    this.#place = place
  }

  get label(): string {
    return this.#place.label
  }

  /**
   * Does work in a session of the token's user. When the connection turns out to be lost, it is made again, once, and the work done again, which must
   * bear that. `what` names the work in refusals. An aborted call is left by its caller; the module's own call has no way to end before it ends.
   */
  async run<T>(what: string, work: (session: TokenSession) => Promise<Result<T, KeyBackendRefusal>>, { signal }: CallOptions): Answer<T> {
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted()
      const link = await this.#linked()
      if (!link.ok) return link
      signal.throwIfAborted()
      try {
        return await this.#in(link.value, work, signal)
      } catch (error) {
        const value = returnValueOf(error)
        const kind = value === undefined ? "failed" : kindOf(value)
        if (kind === "absent" || kind === "lost") this.#lose(link.value)
        if (kind !== "lost" || attempt > 0) return refusalOf(error, this.label, what)
      }
    }
  }

  /** Logs out and lets the module go; calls that are under way end by themselves. */
  [Symbol.dispose](): void {
    const cryptoki = this.#cryptoki
    const isQuiet = (this.#link?.pool.busy ?? 0) === 0 && (this.#before?.busy ?? 0) === 0
    this.#cryptoki = undefined
    this.#link = undefined
    this.#barred = refuse("PKCS11_PIN_REFUSED", "the keystore has ended")
    // A module that is taken away under its own call takes the process with it.
    if (cryptoki === undefined || !isQuiet) return
    attempt(() => cryptoki.C_Finalize())
    cryptoki.close()
  }

  async #in<T>(
    link: Link,
    work: (session: TokenSession) => Promise<Result<T, KeyBackendRefusal>>,
    signal: AbortSignal,
  ): Promise<Result<T, KeyBackendRefusal>> {
    const taken = await link.pool.take(signal)
    if (!taken.ok) return taken
    const handle = taken.value
    const running = work({ ...link, handle }).then(
      (result) => {
        link.pool.put(handle)
        return result
      },
      (error: unknown) => {
        link.pool.drop(handle)
        throw error
      },
    )
    return await unlessAborted(running, signal)
  }

  async #linked(): Answer<Link> {
    if (this.#link !== undefined) return ok(this.#link)
    const { retryMs = RETRY_MS } = this.#place
    if (this.#failed !== undefined && performance.now() < this.#failed.at + retryMs) return this.#failed.refusal
    this.#linking ??= this.#connect().finally(() => {
      this.#linking = undefined
    })
    const link = await this.#linking
    this.#failed = link.ok ? undefined : { at: performance.now(), refusal: link }
    return link
  }

  async #connect(): Answer<Link> {
    if (this.#barred !== undefined) return this.#barred
    const loaded = this.#cryptoki === undefined ? await (this.#place.load ?? loadCryptoki)(this.#place.module) : ok(this.#cryptoki)
    if (!loaded.ok) return loaded
    this.#cryptoki = loaded.value
    try {
      const link = this.#login(loaded.value)
      if (link.ok) this.#link = link.value
      return link
    } catch (error) {
      const refused = refusalOf(error, this.label, "be opened")
      if (refused.code === "PKCS11_PIN_REFUSED") this.#barred = { ...refused, code: refused.code }
      return refused
    }
  }

  #login(cryptoki: Cryptoki): Result<Link, KeyBackendRefusal> {
    this.#start(cryptoki)
    const found = this.#findSlot(cryptoki)
    if (!found.ok) return found
    const { flags, slot } = found.value
    // Nothing reads or writes by this one; it holds the login as long as the connection is there.
    const keeper = cryptoki.C_OpenSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION)
    if ((flags & CKF.LOGIN_REQUIRED) !== 0) {
      const logged = this.#givePin(cryptoki, keeper, flags)
      if (!logged.ok) {
        cryptoki.C_CloseSession(keeper)
        return logged
      }
    }
    const pool = new SessionPool({
      open: () => cryptoki.C_OpenSession(slot, CKF.SERIAL_SESSION | CKF.RW_SESSION),
      close: (session) => attempt(() => cryptoki.C_CloseSession(session)),
    })
    return ok({ cryptoki, mechanisms: new Set(cryptoki.C_GetMechanismList(slot)), objects: new Map(), pool })
  }

  #start(cryptoki: Cryptoki): void {
    // Under its own call a module must not be ended; then it is asked as it is.
    if (this.#isStale && (this.#before?.busy ?? 0) === 0) {
      attempt(() => cryptoki.C_Finalize())
      this.#isStale = false
      this.#before = undefined
    }
    try {
      cryptoki.C_Initialize({ flags: CKF.OS_LOCKING_OK })
    } catch (error) {
      if (returnValueOf(error) !== "CKR_CRYPTOKI_ALREADY_INITIALIZED") throw error
    }
  }

  #findSlot(cryptoki: Cryptoki): Result<{ readonly slot: Handle; readonly flags: number }, "PKCS11_TOKEN_ABSENT"> {
    const slots = cryptoki.C_GetSlotList(true).flatMap((slot) => {
      // One that is taken out between the two calls is none.
      const info = attempt(() => cryptoki.C_GetTokenInfo(slot))
      return info?.label.trimEnd() === this.label ? [{ slot, flags: info.flags }] : []
    })
    const [only, another] = slots
    if (only !== undefined && another === undefined) return ok(only)
    const what = only === undefined ? "no token" : `${slots.length} tokens`
    this.#isStale = true
    return refuse(
      "PKCS11_TOKEN_ABSENT",
      `the module ${this.#place.module} has ${what} labelled ${this.label}; insert it, or give the label of one as pkcs11.token in config.json`,
    )
  }

  #givePin(cryptoki: Cryptoki, session: Handle, flags: number): Result<true, KeyBackendRefusal> {
    if ((flags & CKF.USER_PIN_LOCKED) !== 0) return this.#bar("is locked after too many wrong PINs; unlock it with its own tools")
    // The last try is a person's.
    if ((flags & CKF.USER_PIN_FINAL_TRY) !== 0)
      return this.#bar("has one try of its PIN left; log in to it with its own tools, which gives it all its tries again")
    const read = this.#place.readPin()
    if (!read.ok) return refuse("PKCS11_PIN_REFUSED", `the PIN of the token ${this.label} cannot be read: ${read.message}`)
    using pin = read.value
    // The binding takes text only: this one copy is the collector's, see docs/decisions/keystore-backends.md.
    const text = pin.expose((bytes) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
        .toString("utf8")
        .replace(/\r?\n$/, ""),
    )
    if (text === "" || text.length > MAX_PIN_CHARACTERS || /\p{Cc}/u.test(text))
      return refuse(
        "PKCS11_PIN_REFUSED",
        `the file of pkcs11.pinFile holds no PIN: one line of 1 to ${MAX_PIN_CHARACTERS} characters was expected`,
      )
    try {
      cryptoki.C_Login(session, CKU_USER, text)
    } catch (error) {
      if (returnValueOf(error) !== "CKR_USER_ALREADY_LOGGED_IN") throw error
    }
    return ok(true)
  }

  #bar(why: string): Refusal<"PKCS11_PIN_REFUSED"> {
    this.#barred = refuse("PKCS11_PIN_REFUSED", `the token ${this.label} ${why}, then restart the node`)
    return this.#barred
  }

  /** Forgets a connection; the next call makes another. */
  #lose(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    this.#before = link.pool
    this.#isStale = true
  }
}

/** What a call gives; `undefined` when the module refuses, which matters to nobody here. */
function attempt<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (returnValueOf(error) === undefined) throw error
    return undefined
  }
}

/** The result of work, or the reason of a signal that fires before; a secret that comes too late is wiped. */
async function unlessAborted<T>(work: Promise<Result<T, KeyBackendRefusal>>, signal: AbortSignal): Promise<Result<T, KeyBackendRefusal>> {
  const aborted = Promise.withResolvers<never>()
  const stop = (): void => aborted.reject(signal.reason)
  signal.addEventListener("abort", stop, { once: true })
  // It may have fired while a session was waited for.
  if (signal.aborted) stop()
  try {
    return await Promise.race([work, aborted.promise])
  } catch (error) {
    if (signal.aborted)
      void work.then(
        (result) => {
          if (result.ok && result.value instanceof Secret) result.value[Symbol.dispose]()
        },
        () => undefined,
      )
    throw error
  } finally {
    signal.removeEventListener("abort", stop)
  }
}
