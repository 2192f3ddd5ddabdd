import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import { isSameNode } from "@keygrove/hierarchy"
import { findHolder } from "@keygrove/ledger"
import { Wakeup } from "../ledger/wakeup.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { Placement, ProxyCandidate } from "../ports/placement.ts"
import { listGrantJobs } from "./grant-job.ts"
import { isBehind, keysOf, listLabels, type LabelEpoch, type LabelRecord } from "./label-records.ts"
import { currentLabelKey, moveLabel } from "./labels.ts"
import { openJob, performJob } from "./make-policy.ts"
import { isReplaced } from "./standing-root.ts"
import { isForKey, readerNow, standingGrants, type StandingGrant } from "./standing-grants.ts"

/** What is left to do so that every grant has a policy for each key of its label that files may be encrypted under. */
export interface RemakingProgress {
  /** Labels that are still encrypted under their key of an earlier epoch. */
  readonly labels: number
  /** Policies to be made. */
  readonly policies: number
  /** Why the first of them could not be made when it was last tried. */
  readonly refusal?: Refusal
}

const NOTHING_LEFT: RemakingProgress = { labels: 0, policies: 0 }
/** Pause before it is looked again for what is left; after a round in which something could not be made, twice as long each time from a second on. */
const PAUSE_MS = 30_000
const FIRST_PAUSE_MS = 1_000
/** Refusals after which the policies that follow would fare no better in this round. */
const ENDS_ROUND: ReadonlySet<string> = new Set([
  "KEYSTORE_LOCKED",
  "KEYSTORE_GONE",
  "LEDGER_UNREACHABLE",
  "LEDGER_FULL",
  "DISK_FULL",
  "STORAGE_FAILED",
  "POLICY_LIMIT",
  "CLUSTER_REPLACED",
])
/** Refusals that mean that nothing is to be made any more. */
const IS_OVER: ReadonlySet<string> = new Set(["POLICY_CONTINUES_REVOKED"])

/** A policy that a grant lacks. */
interface MissingPolicy {
  readonly record: LabelRecord
  readonly key: LabelEpoch
  readonly grant: StandingGrant
}

/**
 * Makes the grants of this node again under every key of their labels: under the new one after a rekey, or below another root, with the same readers, proxies and ends, whereupon the label moves to it;
 * and under those before it, where a grant was made after the move. What is left is read from the ledger and the labels alone, so a run that was cut off anywhere goes on; each policy
 * is a grant job of its own. One at a time.
 */
export class GrantRemaking {
  readonly #context: NodeContext
  readonly #placement: Placement
  readonly #wakeup = new Wakeup()
  #progress: RemakingProgress = NOTHING_LEFT
  #isWorking = false

  constructor(context: NodeContext, placement: Placement) {
    this.#context = context
    this.#placement = placement
  }

  /** What was left when it was last looked. */
  get progress(): RemakingProgress {
    return this.#progress
  }

  /** Whether it makes something now, rather than to wait for the next time. */
  get isWorking(): boolean {
    return this.#isWorking
  }

  /** Looks at once, because a grant was made or the node rekeyed. */
  wake(): void {
    this.#wakeup.wake()
  }

  /** Works until the signal fires. To be called when the grants of an earlier run have been ended (`resumeGrants`). */
  async run({ signal }: CallOptions): Promise<void> {
    using _listening = this.#context.keystore.onRekey(() => this.wake())
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const seen = this.#wakeup.count
      this.#isWorking = true
      const done = await this.#round({ signal }).finally(() => (this.#isWorking = false))
      if (!done.ok) this.#progress = { ...this.#progress, refusal: done }
      const isDone = this.#progress === NOTHING_LEFT
      using pause = abortOnDispose(signal)
      const next = this.#context.clock.sleep(isDone ? PAUSE_MS : pauseMs, { signal: pause.signal }).catch(() => undefined)
      await Promise.race([this.#wakeup.wait(pause.signal, seen), next])
      // Right after a rekey the network may still be about to move to the new key.
      pauseMs = isDone || this.#wakeup.count > seen ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, PAUSE_MS)
    }
  }

  async #round(options: CallOptions): Promise<Result<true>> {
    const { keystore, replica } = this.#context
    const own = keystore.identity().keys
    const node = findHolder(replica.state, own.signingKey)
    // Who is no member any more, or is one below a root that was replaced, grants nothing.
    const grants = node !== undefined && !isReplaced(replica.state, node.cluster)
    if (!grants) this.#progress = NOTHING_LEFT
    // A keystore that is locked, or about to go on to the keys that the ledger names, cannot now.
    if (!grants || keystore.state() !== "unlocked" || !equalBytes(node.keys.signingKey, own.signingKey)) return ok(true)
    const missing = await this.#missing(options)
    if (!missing.ok) return missing
    const { behind, policies } = missing.value
    const refusals: Refusal[] = []
    let made = 0
    this.#report({ labels: behind.length, policies: policies.length }, this.#progress.refusal)
    for (const each of policies) {
      const outcome = await this.#make(each, options)
      if (outcome.ok || IS_OVER.has(outcome.code)) made++
      else refusals.push(outcome)
      this.#report({ labels: behind.length, policies: policies.length - made }, this.#progress.refusal)
      // After another rekey other keys are missing.
      if ((!outcome.ok && ENDS_ROUND.has(outcome.code)) || keystore.identity().keys.epoch !== own.epoch) break
    }
    const left = await this.#move(behind, options)
    if (!left.ok) return left
    this.#report({ labels: left.value, policies: policies.length - made }, refusals[0])
    return ok(true)
  }

  /** Why it did not go on is told until it does. */
  #report(left: Omit<RemakingProgress, "refusal">, refusal: Refusal | undefined): void {
    const isDone = left.labels === 0 && left.policies === 0
    this.#progress = isDone ? NOTHING_LEFT : { ...left, ...(refusal === undefined ? {} : { refusal }) }
  }

  /** Labels whose key of the current epoch is not in use, and the policies that grants lack: for new keys first, newest label key first. */
  async #missing(
    options: CallOptions,
  ): Promise<Result<{ readonly behind: readonly LabelRecord[]; readonly policies: readonly MissingPolicy[] }>> {
    const labels = await listLabels(this.#context, options)
    if (!labels.ok) return labels
    const jobs = await listGrantJobs(this.#context.storage, options)
    if (!jobs.ok) return jobs
    const isLate = (record: LabelRecord): boolean => isBehind(this.#context, record)
    const grants = this.#grantsByLabel(labels.value)
    const isUnderWay = (grant: StandingGrant, key: LabelEpoch): boolean =>
      jobs.value.some(
        ({ policy }) =>
          policy.continues !== undefined && toHex(policy.continues) === idOf(grant) && toHex(policy.labelKey) === toHex(key.labelKey),
      )
    const [ahead, before]: [MissingPolicy[], MissingPolicy[]] = [[], []]
    for (const record of labels.value) {
      const own = grants.get(record.label) ?? []
      const lacking = (key: LabelEpoch): readonly MissingPolicy[] =>
        own.filter((grant) => !isForKey(grant, key) && !isUnderWay(grant, key)).map((grant) => ({ record, key, grant }))
      if (isLate(record) && own.length > 0) {
        const next = await currentLabelKey(this.#context, record.label, options)
        if (!next.ok) return next
        ahead.push(...lacking(next.value))
      }
      before.push(
        ...keysOf(record)
          .filter(({ used }) => used)
          .flatMap(lacking),
      )
    }
    return ok({ behind: labels.value.filter(isLate), policies: [...ahead, ...before] })
  }

  #grantsByLabel(labels: readonly LabelRecord[]): ReadonlyMap<string, readonly StandingGrant[]> {
    const names = new Map(labels.flatMap((record) => keysOf(record).map(({ labelKey }) => [toHex(labelKey), record.label] as const)))
    const grants = new Map<string, StandingGrant[]>()
    for (const grant of standingGrants(this.#context)) {
      const label = names.get(toHex(grant[0].grant.labelKey))
      if (label === undefined) continue
      const known = grants.get(label)
      if (known === undefined) grants.set(label, [grant])
      else known.push(grant)
    }
    return grants
  }

  async #make({ grant, key, record }: MissingPolicy, options: CallOptions): Promise<Result<unknown>> {
    const { clock, replica } = this.#context
    const [first] = grant
    const newest = grant.at(-1) ?? first
    const { expiresAt, policyId, proxies, threshold } = first.grant
    const now = replica.state.policies.get(toHex(policyId))
    const reader = readerNow(replica.state, newest.grant.reader, this.#context.keystore.identity().cluster)
    // It may have ended while others were made.
    if (now?.revokedAt !== undefined || reader === undefined || expiresAt <= clock.now())
      return refuse("POLICY_CONTINUES_REVOKED", "the grant has ended")
    const preferred = newest.grant.proxies.flatMap((proxy) => this.#stillOffering(proxy.signingKey, expiresAt) ?? [])
    const plan = { label: record.label, key, reader, threshold, shares: proxies.length, expiresAt, continues: policyId, preferred }
    const job = await openJob(this.#context, this.#placement, plan, options)
    return job.ok ? await performJob(this.#context, job.value, options) : job
  }

  /** A proxy of an earlier policy, under its keys of now, when it offers for long enough. */
  #stillOffering(signingKey: Uint8Array, until: number): ProxyCandidate | undefined {
    const { keystore, replica } = this.#context
    const node = findHolder(replica.state, signingKey)
    if (
      node?.terms === undefined ||
      isReplaced(replica.state, node.cluster) ||
      node.terms.until < until ||
      isSameNode(node, keystore.identity())
    )
      return undefined
    const { cluster, keys, path, terms } = node
    return { signingKey: keys.signingKey, sealingKey: keys.sealingKey, addresses: terms.addresses, cluster, path }
  }

  /** Lets labels go on whose grants are done. Returns how many are still behind. */
  async #move(behind: readonly LabelRecord[], options: CallOptions): Promise<Result<number>> {
    let left = 0
    for (const { label } of behind) {
      const moved = await moveLabel(this.#context, label, options)
      if (!moved.ok) return moved
      if (moved.value !== undefined && isBehind(this.#context, moved.value)) left++
    }
    return ok(left)
  }
}

function idOf([first]: StandingGrant): string {
  return toHex(first.grant.policyId)
}

/** A signal that fires with the given one, or when it is disposed of. */
function abortOnDispose(signal: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  return { signal: AbortSignal.any([signal, controller.signal]), [Symbol.dispose]: () => controller.abort() }
}
