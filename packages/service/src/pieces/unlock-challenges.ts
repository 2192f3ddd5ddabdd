import { equalBytes, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { NodePath, Timestamp } from "@keygrove/hierarchy"
import { judgeEvidence, type CarriedEvidence, type EvidenceRefusal } from "@keygrove/peering"
import type { CustodyMember } from "@keygrove/pieces"
import { custodyView } from "./custody-view.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** How long a nonce may be answered. */
export const CHALLENGE_MS = 120_000
/** Nonces of one owner that are open at once; beyond it the oldest is forgotten. A locked node needs one in each round. */
const MAX_OPEN = 16
const NONCE_BYTES = 32

interface OpenChallenge {
  readonly request: Uint8Array
  readonly nonce: Uint8Array
  readonly givenAt: Timestamp
}

/**
 * What this holder asked locked nodes to prove their machines with, and whether they did. In memory, for at most as many owners as there are members: a nonce that a restart forgot is asked for again.
 */
export class UnlockChallenges {
  readonly #context: PiecesContext
  /** By owner; the oldest first. */
  readonly #open: Map<NodePath, readonly OpenChallenge[]> = new Map()

  constructor(context: PiecesContext) {
    this.#context = context
  }

  /** A nonce for one unlocking of an owner, which asks under its boot key: good once, for two minutes. */
  give(owner: NodePath, request: Uint8Array): Uint8Array {
    const nonce = this.#context.random(NONCE_BYTES)
    this.#forget()
    const given = [...(this.#open.get(owner) ?? []), { request, nonce, givenAt: this.#context.clock.now() }]
    this.#open.set(owner, given.slice(-MAX_OPEN))
    return nonce
  }

  /** The key that the owner's piece is to be sealed to: its boot sealing key, or, when the ledger asks for evidence, the one for which it showed that. Uses this holder's nonce up. */
  judge(
    owner: CustodyMember,
    { evidence, request }: { readonly request: Uint8Array; readonly evidence?: CarriedEvidence },
  ): Result<Uint8Array, EvidenceRefusal | "EVIDENCE_MISSING"> {
    const demand = owner.evidence
    if (demand === undefined) return ok(owner.bootSealingKey)
    if (evidence === undefined)
      return refuse(
        "EVIDENCE_MISSING",
        `the ledger asks for evidence (${demand.family}) of the machine of ${owner.path}, and none came; start it on that machine, or unlock it with its passphrase`,
      )
    if (!this.#take(owner.path, request, evidence.nonces))
      return refuse(
        "EVIDENCE_STALE",
        `the evidence of ${owner.path} names no nonce of this holder that is unused and younger than ${CHALLENGE_MS / 60_000} minutes; it is made anew in the next round`,
      )
    const { cluster } = custodyView(this.#context).self
    const judged = judgeEvidence(this.#context, { cluster, owner, demand, request }, evidence)
    return judged.ok ? ok(evidence.sealingKey) : judged
  }

  /** Whether one of these nonces is open in this unlocking; then it is so no more. */
  #take(owner: NodePath, request: Uint8Array, nonces: readonly Uint8Array[]): boolean {
    this.#forget()
    const open = this.#open.get(owner) ?? []
    const shown = new Set(nonces.map(toHex))
    const left = open.filter((each) => !shown.has(toHex(each.nonce)) || !equalBytes(each.request, request))
    this.#open.set(owner, left)
    return left.length < open.length
  }

  /** What is too old, or of before the clock was set back. */
  #forget(): void {
    const now = this.#context.clock.now()
    for (const [owner, open] of this.#open) {
      const recent = open.filter(({ givenAt }) => givenAt <= now && now - givenAt < CHALLENGE_MS)
      if (recent.length === 0) this.#open.delete(owner)
      else this.#open.set(owner, recent)
    }
  }
}
