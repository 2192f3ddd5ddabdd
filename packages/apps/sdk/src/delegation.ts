import { decodeDelegation, type DelegationState } from "./rpc/delegation.ts"
import { AnswerFields } from "./rpc/fields.ts"

interface DelegationCallOptions {
  readonly signal?: AbortSignal
}

type Call = (method: string, params: object, options: DelegationCallOptions) => Promise<unknown>

/** A start by another node's label: a grant of it unlocks this node, until it is revoked. Every method throws `KeygroveError` with a code of docs/errors.md. */
export class StartDelegation {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  /** On the owner's node: the label's card, `kgl1…`, for {@link delegate} on the node that it shall unlock. */
  async card(label: string, options: DelegationCallOptions = {}): Promise<string> {
    return new AnswerFields("label.publicKey", await this.#call("label.publicKey", { label }, options)).text("card")
  }

  /** Has this node start by a grant of the label of a card. The answer's `reader` is whom its owner grants it to. */
  async delegate(card: string, options: DelegationCallOptions = {}): Promise<DelegationState> {
    return decodeDelegation("unlock.delegate", await this.#call("unlock.delegate", { card }, options))
  }

  /** How it is set up, and whether it would open the node now. */
  async status(options: DelegationCallOptions = {}): Promise<DelegationState> {
    return decodeDelegation("unlock.delegation", await this.#call("unlock.delegation", {}, options))
  }

  /** Ends it: what was sealed to the label is wiped. */
  async end(options: DelegationCallOptions = {}): Promise<DelegationState> {
    return decodeDelegation("unlock.endDelegation", await this.#call("unlock.endDelegation", {}, options))
  }
}
