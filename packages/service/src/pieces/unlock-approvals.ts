import { ok, refuse, toHex, type Result } from "@keygrove/base"
import type { NodePath, Timestamp } from "@keygrove/hierarchy"
import { unlockApprovalBytes, type CustodyMember } from "@keygrove/pieces"
import type { UnlockApproval } from "@keygrove/peering"
import type { CallOptions } from "../ports/call-options.ts"
import { custodyView } from "./custody-view.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** How long a request waits for an approval. */
export const APPROVAL_MS = 900_000
/** Requests that wait at once; beyond it the one that waits longest is forgotten. */
const MAX_WAITING = 64
/** Digits of a request that people compare. */
export const REQUEST_DIGITS = 8

/** A locked node that asked this one, and what a person needs to judge it. */
export interface WaitingUnlock {
  readonly owner: NodePath
  /** The first hex digits of its request, which the locked node shows too. */
  readonly request: string
  readonly askedAt: Timestamp
  readonly approved: boolean
}

interface Waiting {
  readonly owner: NodePath
  readonly request: Uint8Array
  readonly askedAt: Timestamp
  approval: UnlockApproval | undefined
}

/** Unlockings that want a person's approval, as this member was asked for them. In memory: a locked node asks again and again. */
export class UnlockApprovals {
  readonly #context: PiecesContext
  /** By owner and request; the one that waits longest first. */
  readonly #waiting: Map<string, Waiting> = new Map()

  constructor(context: PiecesContext) {
    this.#context = context
  }

  /** Requests that wait or were approved, within the last 15 minutes. */
  waiting(): readonly WaitingUnlock[] {
    this.#forgetOld()
    return [...this.#waiting.values()].map(({ approval, askedAt, owner, request }) => ({
      owner,
      request: digitsOf(request),
      askedAt,
      approved: approval !== undefined,
    }))
  }

  /** A locked node wants an approval. Says so in the log when it is new. */
  wait(owner: NodePath, request: Uint8Array): void {
    this.#forgetOld()
    const key = keyOf(owner, request)
    if (this.#waiting.has(key)) return
    const [oldest] = this.#waiting.keys()
    if (oldest !== undefined && this.#waiting.size >= MAX_WAITING) this.#waiting.delete(oldest)
    this.#waiting.set(key, { owner, request, askedAt: this.#context.clock.now(), approval: undefined })
    this.#context.log(`${owner} asks to be unlocked by key pieces and waits for an approval; its request is ${digitsOf(request)}`)
  }

  /** What this member approved of a request. */
  given(owner: NodePath, request: Uint8Array): readonly UnlockApproval[] {
    this.#forgetOld()
    const approval = this.#waiting.get(keyOf(owner, request))?.approval
    return approval === undefined ? [] : [approval]
  }

  /** Approves the one request of an owner that begins with these hex digits. Refuses `UNLOCK_REQUEST_UNKNOWN`. */
  async approve(owner: NodePath, digits: string, options: CallOptions): Promise<Result<WaitingUnlock>> {
    this.#forgetOld()
    // Fewer digits than are shown are no comparison.
    if (digits.length < REQUEST_DIGITS)
      return refuse(
        "UNLOCK_REQUEST_UNKNOWN",
        `give the first ${REQUEST_DIGITS} digits that the locked node shows, or more; got ${digits.length}`,
      )
    const found = [...this.#waiting.values()].filter((each) => each.owner === owner && isPrefix(digits, each.request))
    const [waiting] = found
    if (waiting === undefined || found.length > 1)
      return refuse(
        "UNLOCK_REQUEST_UNKNOWN",
        `${found.length === 0 ? "no request" : `${found.length} requests`} of ${owner} on this node ${found.length === 0 ? "begins" : "begin"} with ${digits}; compare the digits that the locked node shows`,
      )
    const { custody, self } = custodyView(this.#context)
    const member = custody.members.get(owner)
    if (member === undefined) return refuse("UNLOCK_REQUEST_UNKNOWN", `${owner} is no member any more; nothing is left to approve`)
    const signature = await this.#sign(member, waiting.request, options)
    if (!signature.ok) return signature
    waiting.approval = { approver: self.path, signature: signature.value }
    return ok({ owner, request: digitsOf(waiting.request), askedAt: waiting.askedAt, approved: true })
  }

  async #sign({ bootSigningKey, path }: CustodyMember, request: Uint8Array, options: CallOptions): Promise<Result<Uint8Array>> {
    const { cluster } = this.#context.keystore.identity()
    return await this.#context.keystore.sign("message", unlockApprovalBytes({ cluster, owner: path, bootSigningKey, request }), options)
  }

  #forgetOld(): void {
    const now = this.#context.clock.now()
    for (const [key, { askedAt }] of this.#waiting) if (now - askedAt >= APPROVAL_MS) this.#waiting.delete(key)
  }
}

/** What people compare of a request. */
export function digitsOf(request: Uint8Array): string {
  return toHex(request).slice(0, REQUEST_DIGITS)
}

function isPrefix(digits: string, request: Uint8Array): boolean {
  return toHex(request).startsWith(digits.toLowerCase())
}

function keyOf(owner: NodePath, request: Uint8Array): string {
  return `${owner} ${toHex(request)}`
}
