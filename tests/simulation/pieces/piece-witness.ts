import { equalBytes, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { sealedMessageRecipient } from "@keygrove/crypto"
import { custodyOf, findBootKey } from "@keygrove/ledger"
import { decodePieceAnswer, decodePieceRequest, type PieceAnswer, type PieceRequest } from "@keygrove/peering"
import { sharingIdOf } from "@keygrove/pieces"
import type { InboundRequest } from "@keygrove/service"
import type { Machine } from "./machine.ts"
import type { PieceWorld } from "./piece-world.ts"

/** Sees every honest answer about pieces, and what must never be among them. */
export class PieceWitness {
  readonly #world: PieceWorld
  /** The sharing that a holder acknowledged, by holder, owner, key generation and attempt. */
  readonly #acknowledged: Map<string, string> = new Map()
  /** The sharing that an owner offered with success, by owner and key generation. */
  readonly #offered: Map<string, string> = new Map()
  readonly #seen: string[] = []

  constructor(world: PieceWorld) {
    this.#world = world
    world.onAnswer = (machine, asked, answer) => this.#judge(machine, asked, answer)
  }

  /** What was wrong. */
  get complaints(): readonly string[] {
    return this.#seen
  }

  #judge(holder: Machine, { body, from }: InboundRequest, bytes: Uint8Array): void {
    const request = decodePieceRequest(body)
    if (!request.ok) return
    const answer = unwrap(decodePieceAnswer(bytes))
    if (answer.kind === "piece") this.#judgeReturn(holder, from, request.value, answer)
    if (answer.kind === "subshares") this.#judgeSubshares(holder, request.value, answer)
    if (answer.kind === "receipt") this.#judgeReceipt(holder, from, request.value)
  }

  /** A piece leaves sealed to the boot key of its owner, or to the key for which its machine showed what the ledger asks for, and to nobody else. */
  #judgeReturn(holder: Machine, from: Uint8Array, request: PieceRequest, { sealed }: PieceAnswer & { readonly kind: "piece" }): void {
    if (request.op !== "return") return this.#complain(`${holder.name} gave a piece to who asked for ${request.op}`)
    const boot = findBootKey(this.#world.ledger.state, from)
    const member = custodyOf(holder.context.replica.state, this.#world.root.cluster).members.get(request.owner)
    if (boot?.node.path !== request.owner) this.#complain(`${holder.name} gave a piece of ${request.owner} to another key`)
    const recipient = sealedMessageRecipient(sealed)
    const due = member?.evidence === undefined ? member?.bootSealingKey : (request.evidence?.sealingKey ?? new Uint8Array(0))
    if (due !== undefined && boot?.member !== undefined && (recipient === undefined || !equalBytes(recipient, due)))
      this.#complain(`${holder.name} sealed a piece of ${request.owner} to another than its own key`)
  }

  /** Every sub-piece is for another holder, and none for the owner or for whoever coordinates alone. */
  #judgeSubshares(holder: Machine, request: PieceRequest, { subpieces }: PieceAnswer & { readonly kind: "subshares" }): void {
    const recipients = subpieces.map(({ sealed }) => toHex(sealedMessageRecipient(sealed) ?? new Uint8Array(0)))
    if (new Set(recipients).size !== recipients.length) this.#complain(`${holder.name} sealed two sub-pieces to one key`)
    if (request.op !== "subshare") this.#complain(`${holder.name} gave sub-pieces to who asked for ${request.op}`)
  }

  /** One sharing of an owner, key generation and attempt, for ever; an owner has one in a key generation. */
  #judgeReceipt(holder: Machine, from: Uint8Array, request: PieceRequest): void {
    if (request.op === "offer") {
      const owner = this.#world.ledger.state.signingKeys.get(toHex(from))
      if (owner === undefined) return this.#complain(`${holder.name} took a piece of a stranger`)
      const id = toHex(sharingIdOf(nativePrimitives, { owner, ...request }))
      this.#once(this.#offered, `${owner.path} shared in ${request.generation}`, id)
      this.#once(this.#acknowledged, `${holder.name} keeps ${owner.path} of ${request.generation}, attempt 0`, id)
    }
    if (request.op === "redistribute") {
      const kept = holder.desk.pieces().find(({ generation, owner }) => generation === request.generation && owner === request.owner)
      if (kept?.attempt !== request.attempt) return this.#complain(`${holder.name} acknowledged a moved piece that it does not keep`)
      this.#once(
        this.#acknowledged,
        `${holder.name} keeps ${request.owner} of ${request.generation}, attempt ${request.attempt}`,
        toHex(kept.sharing),
      )
    }
  }

  #once(known: Map<string, string>, what: string, sharing: string): void {
    const before = known.get(what)
    if (before !== undefined && before !== sharing) this.#complain(`${what}: two sharings`)
    known.set(what, sharing)
  }

  #complain(what: string): void {
    this.#seen.push(what)
  }
}
