import { ok, type Result } from "@keygrove/base"
import type { LabelCard } from "@keygrove/reencryption"
import {
  delegateStart,
  findStart,
  type CallOptions,
  type Keystore,
  type NodeContext,
  type PieceKeys,
  type StartStanding,
} from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { setUnlock, unsetUnlock } from "./start-setting.ts"

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
  #isSetUp: boolean

  private constructor(sources: DelegationSources, isSetUp: boolean) {
    this.#sources = sources
    this.#isSetUp = isSetUp
  }

  static async open(sources: DelegationSources, call: CallOptions): Promise<Result<StartDelegation>> {
    const found = await sources.context.keystore.delegatedStart(call)
    // One that cannot be read is told of, and made anew by whoever wants one: it is no reason not to start.
    if (!found.ok && found.code !== "KEYSTORE_RECORD_CORRUPT") return found
    return ok(new StartDelegation(sources, found.ok && found.value !== undefined))
  }

  /** Sets it up, durably, and then has `config.json` say so: cut off in between, the node starts as before, and the command can be run again. */
  async delegate(card: LabelCard, call: CallOptions): Promise<Result<StartStanding>> {
    const made = await delegateStart(this.#sources.context, card, call)
    if (!made.ok) return made
    this.#isSetUp = true
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
    if (ended.ok) this.#isSetUp = false
    return ended.ok ? ok(true) : ended
  }

  /** What needs attention, one line each: a ceremony while the node was stopped took it away. */
  warnings(): readonly string[] {
    if (this.#isSetUp) return []
    const config = readConfig(this.#sources.home.config)
    if (!config.ok || config.value.unlock !== "delegated") return []
    return [
      "this node is to be unlocked by a grant of a label, but its storage key is sealed to none any more; run `keygrove unlock delegate CARD` again (a grant that stands goes on), or `keygrove unlock delegate --off`",
    ]
  }
}
