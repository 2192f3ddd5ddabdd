import { ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import { decodeEntry, type LedgerHead, type LedgerIndex } from "@keygrove/ledger"
import { decodeJoinRequest, encodeJoinAnswer, judgeJoin, takeToken, type JoinAnswer, type Rate, type TokenBucket } from "@keygrove/peering"
import type { LedgerReplica } from "../ledger/replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { InboundRequest, Transport } from "../ports/transport.ts"
import { isAdmittedCluster, type AdmittedPeers } from "./peer-guard.ts"

export interface JoinHostOptions {
  readonly transport: Transport
  /** Over the engine that this node hosts. */
  readonly replica: Pick<LedgerReplica, "state" | "head" | "appendEntries" | "refresh">
  readonly clock: Clock
  readonly primitives: Pick<Primitives, "sha256" | "ed25519">
  /** As those of the guard of this node. */
  readonly own: ClusterId
  readonly predecessors: readonly ClusterId[]
  readonly peers: AdmittedPeers
  /** Told of a caller whose node has ended: it may read the ledger up to the entry that says so. */
  readonly onEnded: (signingKey: Uint8Array, endedAt: LedgerIndex) => void
}

/** For all strangers together, because keys cost nothing to make: requests that are judged, and clusters that are founded. */
const JOIN_RATE: Rate = { burst: 64, perSecond: 8 }
const FOUNDING_RATE: Rate = { burst: 16, perSecond: 1 }
/** Times that a batch is judged again because others were faster with a part of it. */
const MAX_TRIES = 3

/** Serves protocol `join`: lets a stranger append what makes its own key a node's, and nothing else. Until disposed of. */
export function serveJoin(options: JoinHostOptions): Disposable {
  const desk = new JoinDesk(options)
  return options.transport.serve("join", async (request, call) => encodeJoinAnswer(await desk.answer(request, call)))
}

class JoinDesk {
  readonly #options: JoinHostOptions
  #joins: TokenBucket | undefined
  #foundings: TokenBucket | undefined

  constructor(options: JoinHostOptions) {
    this.#options = options
  }

  async answer({ body, from }: InboundRequest, call: CallOptions): Promise<JoinAnswer> {
    const { bucket, taken } = takeToken(this.#joins, JOIN_RATE, this.#options.clock.now())
    this.#joins = bucket
    const request = taken ? decodeJoinRequest(body) : busy()
    const joined = request.ok ? await this.#join(request.value.entries, from, call) : request
    return joined.ok ? { kind: "joined", head: joined.value } : { kind: "refused", code: joined.code, message: joined.message }
  }

  async #join(entries: readonly Uint8Array[], from: Uint8Array, call: CallOptions): Promise<Result<LedgerHead>> {
    const { onEnded, primitives, replica } = this.#options
    const admits = (state: LedgerReplica["state"], cluster: ClusterId): boolean => isAdmittedCluster(state, cluster, this.#options)
    let joined: Result<LedgerHead> = busy()
    for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
      const judged = judgeJoin(primitives, replica, { from, entries, admits })
      if (!judged.ok) return judged
      if (judged.value.kind === "ended") {
        onEnded(from, judged.value.endedAt)
        return refuse("JOIN_ENDED", `this node was revoked or replaced, as the ledger says by entry ${judged.value.endedAt}`)
      }
      const missing = judged.value.entries
      if (missing.length === 0) return ok(replica.head)
      if (missing.some(isFounding) && !this.#mayFound()) return busy()
      joined = await replica.appendEntries(missing, call)
      if (joined.ok) return joined
    }
    return joined
  }

  #mayFound(): boolean {
    const { bucket, taken } = takeToken(this.#foundings, FOUNDING_RATE, this.#options.clock.now())
    this.#foundings = bucket
    return taken
  }
}

function isFounding(bytes: Uint8Array): boolean {
  const entry = decodeEntry(bytes)
  return entry.ok && entry.value.kind === "cluster"
}

function busy(): Result<never, "JOIN_BUSY"> {
  return refuse("JOIN_BUSY", "too many nodes want to join this ledger at once; try again later")
}
