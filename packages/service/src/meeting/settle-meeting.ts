import { equalBytes, ok, type Result } from "@keygrove/base"
import { trustIn, type Statement, type TrustState } from "@keygrove/ledger"
import type { TrustContact } from "@keygrove/hierarchy"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { statementSigner } from "../sharing/statement-signer.ts"
import type { KeyChains } from "../trust/key-chains.ts"
import type { TrustBook } from "../trust/trust-book.ts"
import { contactOf, type MeetingJob } from "./meeting-job.ts"

interface SettleSources {
  readonly context: Pick<NodeContext, "clock" | "keystore" | "replica">
  readonly keyChains: KeyChains
  readonly book: TrustBook
}

/** Pause before what could not be written is tried again. */
const RETRY_MS = 5_000

/** What passes by itself, or when the node is unlocked; a statement may have been written nevertheless, which the next try sees. */
const PASSING: ReadonlySet<string> = new Set([
  "LEDGER_UNREACHABLE",
  "LEDGER_BUSY",
  "LEDGER_HEAD_MOVED",
  "KEYSTORE_LOCKED",
  "KEYSTORE_BUSY",
  "AUTHOR_KEY_WRONG",
  "AUTHOR_UNKNOWN",
  "TRUST_STALE",
  "TRUST_UNKNOWN",
  "DISK_FULL",
])

/** Writes what both people agreed upon: trust on the own ledger, in the place of that in a root that stepped down for the new one, and the nickname here. Tries until it stands; may be repeated. */
export async function settleMeeting(sources: SettleSources, job: MeetingJob, options: CallOptions): Promise<Result<true>> {
  const { clock, replica, keystore } = sources.context
  for (;;) {
    const predecessors = predecessorsOf(sources, job)
    const statements = statementsFor(sources, job, predecessors)
    const named = await keepName(sources, job, predecessors, options)
    const written = statements.length === 0 || !named.ok ? named : await replica.append(statements, statementSigner(keystore), options)
    if (written.ok) return ok(true)
    if (!PASSING.has(written.code)) return written
    await clock.sleep(RETRY_MS, options)
    await refreshReplica(sources.context, options)
  }
}

/** Clusters that are trusted and whose root stepped down for the one that was met. */
function predecessorsOf({ keyChains }: SettleSources, { cluster }: MeetingJob): readonly TrustState[] {
  return keyChains.trusted().filter((each) => keyChains.cluster(each.cluster)?.members.replacedBy?.successor === cluster)
}

function statementsFor({ context }: SettleSources, job: MeetingJob, predecessors: readonly TrustState[]): readonly Statement[] {
  const { keystore, replica } = context
  const { anchorKey, cluster } = job
  const before = trustIn(replica.state, keystore.identity().cluster, cluster)?.trust
  const contact = contactOf(job)
  const stands = before !== undefined && before.removedAt === undefined && (contact === undefined || isSameContact(before.contact, contact))
  const body = { cluster, anchorKey, revision: (before?.revision ?? 0) + 1, ...(contact === undefined ? {} : { contact }) }
  const removals = predecessors.map(
    ({ cluster: old, revision }) => ({ kind: "trust-removed", body: { cluster: old, revision: revision + 1 } }) as const,
  )
  return [...(stands ? [] : [{ kind: "trust", body } as const]), ...removals]
}

/** The name that the person gave now, or the one that the cluster had before its root changed. One that was taken meanwhile is given up: it is worth no trust. */
async function keepName(
  { book }: SettleSources,
  { cluster, nickname }: MeetingJob,
  predecessors: readonly TrustState[],
  options: CallOptions,
): Promise<Result<true>> {
  const named = predecessors.find((each) => book.note(each.cluster).nickname !== undefined)
  if (nickname === undefined && book.note(cluster).nickname === undefined)
    return named === undefined ? ok(true) : await book.hand(named.cluster, cluster, options)
  if (nickname === undefined || nickname === book.note(cluster).nickname) return ok(true)
  const allowed = book.mayName(cluster, nickname)
  return allowed.ok ? await book.name(cluster, allowed.value, options) : ok(true)
}

function isSameContact(known: TrustContact | undefined, contact: TrustContact): boolean {
  if (known === undefined || !equalBytes(known.signingKey, contact.signingKey)) return false
  return (
    known.addresses.length === contact.addresses.length && known.addresses.every((address, index) => address === contact.addresses[index])
  )
}
