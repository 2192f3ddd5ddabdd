import { ok, type Result } from "@keygrove/base"
import type { LabelCard } from "@keygrove/reencryption"
import {
  delegateStart,
  findStart,
  startStanding,
  type CallOptions,
  type Keystore,
  type NodeContext,
  type PieceKeys,
  type StartStanding,
} from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { setUnlock, unsetUnlock } from "./start-setting.ts"

/** How long before its end a grant is warned of. */
const SOON_MS = 604_800_000

interface DelegationSources {
  readonly home: Home
  readonly context: Pick<NodeContext, "clock" | "replica"> & { readonly keystore: Keystore & PieceKeys }
  /** Whether others keep pieces of this node's storage key. */
  readonly isMember: () => boolean
}

/** How a grant of another node's label comes to unlock this one when it starts, and ceases to. */
export class StartDelegation {
  readonly #sources: DelegationSources
  /** As it was when it was last looked: for warnings, which do not wait. */
  #setUp: StartStanding | undefined

  private constructor(sources: DelegationSources, setUp: StartStanding | undefined) {
    this.#sources = sources
    this.#setUp = setUp
  }

  static async open(sources: DelegationSources, call: CallOptions): Promise<Result<StartDelegation>> {
    const found = await findStart(sources.context, call)
    // What cannot be read is told of when somebody asks, and made anew by whoever wants it: it is no reason not to start.
    const isDamaged = !found.ok && (found.code === "KEYSTORE_RECORD_CORRUPT" || found.code === "BOOT_KEY_INVALID")
    if (!found.ok && !isDamaged) return found
    return ok(new StartDelegation(sources, found.ok ? found.value : undefined))
  }

  /** Sets it up, durably, and then has `config.json` say so: cut off in between, the node starts as before, and the command can be run again. */
  async delegate(card: LabelCard, call: CallOptions): Promise<Result<StartStanding>> {
    const made = await delegateStart(this.#sources.context, card, call)
    if (!made.ok) return made
    this.#setUp = made.value
    const settled = setUnlock(this.#sources.home, "delegated")
    return settled.ok ? made : settled
  }

  /** What is set up, and whether it would open the node now. */
  async find(call: CallOptions): Promise<Result<StartStanding | undefined>> {
    return await findStart(this.#sources.context, call)
  }

  /** Ends it: the setting first, so that a start never waits for what is gone. A member is started by its peers again. */
  async end(call: CallOptions): Promise<Result<true>> {
    const { context, home, isMember } = this.#sources
    const settled = unsetUnlock(home, "delegated", isMember() ? "pieces" : undefined)
    if (!settled.ok) return settled
    const ended = await context.keystore.endDelegatedStart(call)
    if (ended.ok) this.#setUp = undefined
    return ended.ok ? ok(true) : ended
  }

  /** What needs attention, one line each: that nothing would open the node when it starts next, or soon. */
  warnings(): readonly string[] {
    const config = readConfig(this.#sources.home.config)
    if (!config.ok || config.value.unlock !== "delegated") return []
    if (this.#setUp === undefined)
      return [
        "this node is to be unlocked by a grant of a label, but its storage key is sealed to none any more; run `keygrove unlock delegate CARD` again (a grant that stands goes on), or `keygrove unlock delegate --off`",
      ]
    const { clock } = this.#sources.context
    const { policy, start } = startStanding(this.#sources.context, this.#setUp)
    if (!policy.ok)
      return [`no grant would unlock this node when it starts: ${policy.code}: ${policy.message}; see \`keygrove unlock delegate\``]
    const { expiresAt } = policy.value.grant
    if (expiresAt - clock.now() > SOON_MS) return []
    const end = new Date(expiresAt).toISOString().slice(0, 10)
    return [
      `the grant of "${start.label}" by ${start.owner.path}, which unlocks this node when it starts, ends on ${end}; have it granted again`,
    ]
  }
}
