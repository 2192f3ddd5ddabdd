import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import { custodyOf, type LedgerState } from "@keygrove/ledger"
import { callingOwner, type CustodyView, type UnlockApproval } from "@keygrove/peering"
import { membersOf, sharingsOf, type PlacedSharing } from "@keygrove/pieces"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"
import { peerOf } from "./custody-view.ts"
import { gatherPieces, type HolderAnswer, type UnlockedByPieces, type UnlockSources } from "./gather-pieces.ts"
import { askMember } from "./piece-client.ts"
import { digitsOf } from "./unlock-approvals.ts"

/** Pauses between rounds. */
const FIRST_PAUSE_MS = 1_000
const LAST_PAUSE_MS = 30_000
/** How long the ledger is left alone after it was out of reach. */
const LEDGER_PAUSE_MS = 5_000
/** Most approvals that are carried; one good one is enough. */
const MAX_APPROVALS = 4

/** How far unlocking is, after each round. */
export interface UnlockProgress {
  /** The first hex digits of this unlocking, by which a person approves it on another member. */
  readonly request: string
  /** Right pieces that came, of how many that are needed. */
  readonly given: number
  readonly needed: number
  /** Holders that want an approval. */
  readonly waiting: readonly NodePath[]
  readonly refused: readonly { readonly path: NodePath; readonly reason: string }[]
  /** Holders that did not answer, and why. */
  readonly unreachable: readonly { readonly path: NodePath; readonly reason: string }[]
  /** Why this machine cannot show what the ledger asks of it; `undefined` when it can, or nothing is asked. */
  readonly problem?: Refusal
}

/** What ends an unlocking for good: more asking would not help. */
type UnlockEnd = "UNLOCK_REVOKED" | "UNLOCK_NOT_OWNER" | "UNLOCK_NOT_SHARED"

/**
 * Unlocks a keystore with the pieces that the members of its cluster keep: asks all holders at once, again and again with pauses that get longer, until enough gave theirs, the ledger says that
 * it can not be, or the signal fires. Refuses `UNLOCK_REVOKED`, `UNLOCK_NOT_OWNER` (the ledger has another boot key of this node) and `UNLOCK_NOT_SHARED`, and what the keystore refuses.
 */
export async function unlockByPieces(
  sources: UnlockSources,
  options: CallOptions,
  onProgress: (progress: UnlockProgress) => void = () => undefined,
): Promise<Result<UnlockedByPieces>> {
  const request = sources.random(32)
  const approvals = new Map<NodePath, UnlockApproval>()
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    options.signal.throwIfAborted()
    const isUpToDate = await refreshReplica(sources, options)
    const view = viewOf(sources)
    const sharings = openable(sources, view)
    // What an old copy of the ledger says is no reason to give up, but that a node has ended, which is for ever; and nobody lets that node read on.
    if (!sharings.ok && (isUpToDate || sharings.code === "UNLOCK_REVOKED")) return sharings
    if (!sharings.ok) {
      await untilNews(sources, view.state, options)
      continue
    }
    const round: UnlockRound = { sources, view, request, approvals }
    const outcome = await tryOnce(round, sharings.value, options, onProgress)
    if (outcome !== undefined) return outcome
    await fetchApprovals(round, sharings.value, options)
    await sources.clock.sleep(pauseMs, options)
    pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)
  }
}

/** While nobody can be asked: until the ledger is another than it was, or is to be asked again. */
async function untilNews({ clock, replica }: UnlockSources, known: LedgerState, { signal }: CallOptions): Promise<void> {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const news = async (): Promise<void> => {
    for await (const { state } of replica.changes({ signal: both })) if (state !== known) return
  }
  const pause = clock.sleep(LEDGER_PAUSE_MS, { signal: both }).catch(() => undefined)
  try {
    // What ends with the signal, or with the replica, is waited out by the pause.
    await Promise.race([news().then(async () => (replica.state === known ? await pause : undefined)), pause])
  } finally {
    over.abort()
  }
}

interface UnlockRound {
  readonly sources: UnlockSources
  readonly view: CustodyView
  readonly request: Uint8Array
  readonly approvals: Map<NodePath, UnlockApproval>
}

function viewOf({ keystore, replica }: UnlockSources): CustodyView {
  const { cluster, path } = keystore.node
  return { state: replica.state, custody: custodyOf(replica.state, cluster), self: { cluster, path } }
}

/** The standing sharings that one of the slots is sealed under, of the newest generation first. */
function openable({ keystore }: UnlockSources, view: CustodyView): Result<readonly PlacedSharing[], UnlockEnd> {
  const owner = callingOwner(view, keystore.bootKeys.signingKey, view.self.path)
  if (!owner.ok) return owner
  const hasSlot = ({ sharing: { commitments } }: PlacedSharing): boolean =>
    keystore.slots.some(({ publicKey }) => equalBytes(publicKey, commitments[0] ?? new Uint8Array(0)))
  const sharings = sharingsOf(view.custody, view.self.path).filter(hasSlot)
  if (sharings.length > 0) return ok(sharings)
  return refuse(
    "UNLOCK_NOT_SHARED",
    "no storage key of this keystore is shared on the ledger; unlock it with its passphrase, then it shares again",
  )
}

/** One round over all sharings; `undefined` when none of them could be opened yet. */
async function tryOnce(
  { approvals, request, sources, view }: UnlockRound,
  sharings: readonly PlacedSharing[],
  options: CallOptions,
  onProgress: (progress: UnlockProgress) => void,
): Promise<Result<UnlockedByPieces> | undefined> {
  const refusals: Refusal[] = []
  for (const placed of sharings) {
    const order = { view, placed, request, approvals: [...approvals.values()].slice(0, MAX_APPROVALS) }
    const gathered = await gatherPieces(sources, order, options)
    if (gathered.kind === "unlocked") return ok({ keystore: gathered.keystore, liars: gathered.liars })
    onProgress(progressOf(request, placed, gathered.answers))
    if (gathered.kind === "failed") refusals.push(gathered.refusal)
  }
  return refusals.length === sharings.length ? refusals[0] : undefined
}

function progressOf(request: Uint8Array, { sharing }: PlacedSharing, answers: readonly HolderAnswer[]): UnlockProgress {
  const named = (kind: "refused" | "unreachable"): UnlockProgress["refused"] =>
    answers.flatMap((answer) => (answer.kind === kind ? [{ path: answer.path, reason: answer.reason }] : []))
  const unproved = answers.find((answer) => answer.kind === "unproved")
  return {
    request: digitsOf(request),
    given: answers.filter(({ kind }) => kind === "piece").length,
    needed: sharing.commitments.length,
    waiting: answers.flatMap(({ kind, path }) => (kind === "waiting" ? [path] : [])),
    refused: named("refused"),
    unreachable: named("unreachable"),
    ...(unproved === undefined ? {} : { problem: unproved.refusal }),
  }
}

/** Asks all members for the approvals that they gave. Whether they are good the holders judge. */
async function fetchApprovals(
  { approvals, request, sources, view }: UnlockRound,
  sharings: readonly PlacedSharing[],
  options: CallOptions,
): Promise<void> {
  const { custody, self } = view
  if (custody.members.get(self.path)?.unlock !== "approve") return
  const asked = new Map<NodePath, PeerAddress>()
  for (const { generation } of sharings)
    for (const { member } of membersOf(custody, generation)) {
      const peer = member.path === self.path ? undefined : peerOf(view, member)
      if (peer !== undefined) asked.set(member.path, peer)
    }
  const ask = async (path: NodePath, peer: PeerAddress): Promise<void> => {
    const answer = await askMember(sources.transport, peer, { op: "approvals", owner: self.path, request }, options)
    const own = answer.ok ? answer.value.approvals.find(({ approver }) => approver === path) : undefined
    if (own !== undefined) approvals.set(path, own)
  }
  await Promise.all([...asked].map(async ([path, peer]) => await ask(path, peer)))
}
