import { ok, refuse, toHex, type RandomBytes, type Refusal, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { encodeIdentity } from "@keygrove/hierarchy"
import type { PolicyState } from "@keygrove/ledger"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { LedgerReplica } from "../ledger/replica.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Clock } from "../ports/clock.ts"
import type { DelegatedStart } from "../ports/delegated-start.ts"
import type { Keystore } from "../ports/keystore.ts"
import type { LockedKeystore, PieceKeys } from "../ports/piece-keys.ts"
import type { Transport } from "../ports/transport.ts"
import { collectFragments } from "../sharing/collect-fragments.ts"
import { findStartPolicies } from "./start-policies.ts"

/** What a locked node works with. Nothing here is owned by it. */
export interface GrantUnlockSources {
  readonly keystore: LockedKeystore
  /** Under the boot key. */
  readonly transport: Pick<Transport, "request">
  readonly replica: LedgerReplica
  readonly primitives: Primitives
  readonly clock: Clock
  readonly random: RandomBytes
}

/** Why a node is not unlocked yet, after each round. */
export interface GrantProgress {
  /** The node that owns the label. */
  readonly owner: string
  readonly label: string
  /** To whom it is granted: this node's `kg1…` as a reader before it is unlocked. */
  readonly reader: string
  /** Of the policy whose proxies were asked, hex; absent while there is none. */
  readonly policy?: string
  readonly code: string
  readonly message: string
  /** Whether the ledger was asked for news. */
  readonly isUpToDate: boolean
}

/** Pauses between rounds. */
const FIRST_PAUSE_MS = 1_000
const LAST_PAUSE_MS = 30_000
/** How often the ledger is asked for a grant: no proxy is asked meanwhile, so the pauses get no longer. */
const GRANT_PAUSE_MS = 5_000
/** Policies whose proxies are asked in one round. */
const MAX_POLICIES_TRIED = 16

/** Refusals of the keystore that another policy, or the same later, could change. */
const OTHERS_MAY_HELP: ReadonlySet<string> = new Set(["FRAGMENT_INVALID", "FRAGMENTS_INSUFFICIENT", "DELEGATED_START_INVALID"])

/**
 * Unlocks a keystore by a grant of the label that its storage key is sealed to: asks the proxies of each policy that stands, again and again with pauses that get longer, until they help, the ledger says that the grant is over, or the signal fires.
 * Refuses `DELEGATED_START_ABSENT`, `POLICY_REVOKED`, `POLICY_EXPIRED`, and what the keystore refuses; and `NO_POLICY` unless it is to wait for a grant.
 */
export async function unlockByGrant(
  sources: GrantUnlockSources,
  { waitsForGrant, onProgress }: { readonly waitsForGrant: boolean; readonly onProgress?: (progress: GrantProgress) => void },
  options: CallOptions,
): Promise<Result<Keystore & PieceKeys>> {
  const { delegatedStart: start } = sources.keystore
  if (start === undefined)
    return refuse(
      "DELEGATED_START_ABSENT",
      "no label opens this keystore any more; start the node with its passphrase or key file, and run `keygrove unlock delegate CARD`",
    )
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    options.signal.throwIfAborted()
    const isUpToDate = await refreshReplica(sources, options)
    const round = await tryOnce(sources, start, options)
    if (round.kind === "unlocked") return ok(round.keystore)
    const { policy, refusal } = round
    if (round.kind === "failed" || isEnd(refusal, { isUpToDate, waitsForGrant })) return refusal
    onProgress?.({ ...namesOf(sources.keystore, start), ...(policy === undefined ? {} : { policy }), ...reasonOf(refusal), isUpToDate })
    const isGranted = refusal.code !== "NO_POLICY"
    await sources.clock.sleep(isGranted ? pauseMs : GRANT_PAUSE_MS, options)
    if (isGranted) pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)
  }
}

/** What a round came to. */
type Round =
  | { readonly kind: "unlocked"; readonly keystore: Keystore & PieceKeys }
  /** The keystore refuses for a reason that nothing changes. */
  | { readonly kind: "failed"; readonly policy: string; readonly refusal: Refusal }
  | { readonly kind: "waiting"; readonly policy?: string; readonly refusal: Refusal }

/** Tries the policies that stand, the newest first; what that one says is told when none helps. */
async function tryOnce(sources: GrantUnlockSources, start: DelegatedStart, options: CallOptions): Promise<Round> {
  const { clock, keystore, replica } = sources
  const policies = findStartPolicies(replica.state, clock.now(), { start, reader: keystore.bootKeys })
  if (!policies.ok) return { kind: "waiting", refusal: policies }
  const [newest, ...older] = policies.value
  const first = await tryPolicy(sources, start, newest, options)
  if (first.kind !== "waiting") return first
  for (const policy of older.slice(0, MAX_POLICIES_TRIED - 1)) {
    const outcome = await tryPolicy(sources, start, policy, options)
    if (outcome.kind !== "waiting") return outcome
  }
  return first
}

async function tryPolicy(sources: GrantUnlockSources, start: DelegatedStart, policy: PolicyState, options: CallOptions): Promise<Round> {
  const id = toHex(policy.grant.policyId)
  const fragments = await collectFragments(sources, policy, start.capsule, options)
  if (!fragments.ok) return { kind: "waiting", policy: id, refusal: fragments }
  const { delegationKey } = policy.grant
  const unlocked = await sources.keystore.unlockDelegated({ capsuleFragments: fragments.value, delegationKey }, options)
  if (unlocked.ok) return { kind: "unlocked", keystore: unlocked.value }
  return { kind: OTHERS_MAY_HELP.has(unlocked.code) ? "waiting" : "failed", policy: id, refusal: unlocked }
}

/** What an old copy of the ledger says is no reason to give up, nor what proxies say; but nobody is waited for where something else opens the node. */
function isEnd(
  refusal: Refusal,
  { isUpToDate, waitsForGrant }: { readonly isUpToDate: boolean; readonly waitsForGrant: boolean },
): boolean {
  if (refusal.code === "NO_POLICY") return !waitsForGrant
  return isUpToDate && isLedgers(refusal)
}

/** Whether the ledger says that the grant is over; a proxy that says so is asked again. */
function isLedgers({ data }: Refusal): boolean {
  return data?.["by"] === "ledger"
}

function namesOf({ bootKeys, node }: LockedKeystore, { label, owner }: DelegatedStart): Pick<GrantProgress, "label" | "owner" | "reader"> {
  return { owner: owner.path, label, reader: encodeIdentity({ ...bootKeys, cluster: node.cluster }) }
}

function reasonOf({ code, message }: Refusal): Pick<GrantProgress, "code" | "message"> {
  return { code, message }
}
