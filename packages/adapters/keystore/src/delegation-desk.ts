import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { randomScalar } from "@keygrove/crypto"
import type { LabelCard } from "@keygrove/reencryption"
import type { CallOptions, DelegatedStart, PieceRefusal } from "@keygrove/service"
import { sealToLabel, startOf } from "./delegated-key.ts"
import type { KeystoreTools } from "./engine.ts"
import type { UnlockedNode } from "./node-secrets.ts"
import type { PieceMeans } from "./piece-desk.ts"

/** What such a desk works for. All of it is borrowed. */
interface DelegationSources {
  readonly node: UnlockedNode
  /** Absent in a keystore without a store. */
  readonly means?: PieceMeans
}

/** What an unlocked keystore does so that a grant of a label opens it when it starts. */
export class DelegationDesk {
  readonly #tools: KeystoreTools
  readonly #node: UnlockedNode
  readonly #means: PieceMeans | undefined

  constructor(tools: KeystoreTools, { means, node }: DelegationSources) {
    this.#tools = tools
    this.#node = node
    this.#means = means
  }

  /** One transaction makes slot and record, so that neither is ever without the other. */
  async delegate(card: LabelCard, options: CallOptions): Promise<Result<DelegatedStart, PieceRefusal>> {
    const { boot, runs } = this.#means ?? {}
    if (boot === undefined || runs === undefined) return withoutBootKey()
    // Nobody could be granted the label without one.
    const secret = await boot.open({ make: true, ...options })
    if (!secret.ok) return secret
    secret.value[Symbol.dispose]()
    const { primitives, random } = this.#tools
    using storageKey = randomScalar({ curve: primitives.curve, random })
    const publicKey = primitives.curve.encodePoint(primitives.curve.basePointTimesSecret(storageKey))
    const sealed = sealToLabel(this.#tools, card, { storageKey, publicKey, storeId: runs.storeId })
    if (!sealed.ok) return sealed
    runs.delegate({ ...sealed.value, publicKey, storageKey }, this.#node.state)
    return ok(sealed.value.start)
  }

  find(): Result<DelegatedStart | undefined, PieceRefusal> {
    return startOf(this.#means?.runs.delegation())
  }

  end(): Result<true, PieceRefusal> {
    this.#means?.runs.delegate(null, this.#node.state)
    return ok(true)
  }
}

function withoutBootKey(): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", "the keystore was started without a boot key; start it with --boot-key")
}
