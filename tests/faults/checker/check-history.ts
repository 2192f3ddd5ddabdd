import { createHash } from "node:crypto"
import type { AppendRecord, HeadRecord, History, StoredEntry, Violation } from "./history.ts"
import { tokensOf } from "./tokens.ts"

/**
 * Holds a log and what was seen of it against the promises of a compare-and-swap log (docs/protocol/ledger.md): one chain, written once, in which every
 * acknowledged entry stands exactly once and where its answer said, no refused one stands, an unknown one at most once, and an entry that was acknowledged before
 * another was sent comes before it. Works from bytes, SHA-256 and CBOR alone, and knows nothing of how Keygrove keeps its promises.
 */
export function checkHistory(log: readonly StoredEntry[], history: History): readonly Violation[] {
  const places = placesOf(log)
  return [
    ...checkPlaces(log),
    ...checkHeads(log, history),
    ...history.appends.flatMap((append) => checkAppend(append, places.get(append.token) ?? [])),
    ...checkOrder(history, places),
    ...checkNodes(history.heads),
  ]
}

/** Indices at which each token stands, counted, not as the entries claim. */
function placesOf(log: readonly StoredEntry[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>()
  for (const [index, { bytes }] of log.entries()) {
    for (const token of tokensOf(bytes)) places.set(token, [...(places.get(token) ?? []), index])
  }
  return places
}

function checkPlaces(log: readonly StoredEntry[]): readonly Violation[] {
  return log.flatMap(({ index, writes }, counted): readonly Violation[] => [
    ...(index === counted ? [] : [{ kind: "gap" as const, message: `entry ${counted} of the log is stored as entry ${index}` }]),
    ...(writes === 1 ? [] : [{ kind: "rewritten" as const, message: `entry ${index} was written ${writes} times` }]),
  ])
}

/** Each head that anybody was told is that of the one chain. */
function checkHeads(log: readonly StoredEntry[], { appends, heads }: History): readonly Violation[] {
  const chain = headsOf(log)
  const told = [
    ...log.map(({ head }, index) => ({ by: "etcd holds", length: index + 1, head })),
    ...heads.map(({ head, length, node }) => ({ by: `${node} said`, length, head })),
    ...appends.flatMap(({ node, outcome }) =>
      outcome.kind === "acknowledged" && outcome.length !== undefined && outcome.head !== undefined
        ? [{ by: `${node} acknowledged an append and said`, length: outcome.length, head: outcome.head }]
        : [],
    ),
  ]
  return told
    .filter(({ head, length }) => chain[length] !== head)
    .map(({ by, head, length }) => {
      const message = `${by} that the head after ${length} entries is ${short(head)}, but the log's is ${short(chain[length] ?? "missing")}`
      return { kind: "fork", message }
    })
}

/** `[n]` is the head after n entries: head₀ = 0³², headᵢ₊₁ = SHA-256(headᵢ ‖ SHA-256(entryᵢ)). */
export function headsOf(log: readonly Pick<StoredEntry, "bytes">[]): readonly string[] {
  let head: Uint8Array = new Uint8Array(32)
  return [
    Buffer.from(head).toString("hex"),
    ...log.map(({ bytes }) => {
      head = sha256(head, sha256(bytes))
      return Buffer.from(head).toString("hex")
    }),
  ]
}

function checkAppend({ node, outcome, token }: AppendRecord, places: readonly number[]): readonly Violation[] {
  const at = places.join(", ")
  const what = `the ${token} sent to ${node}`
  if (outcome.kind !== "acknowledged" && outcome.code === "RPC_INTERNAL")
    return [{ kind: "crash", message: `${what} met a fault of the program` }]
  if (places.length > 1) return [{ kind: "double", message: `${what} stands ${places.length} times, at ${at}` }]
  if (outcome.kind === "refused" && places.length > 0)
    return [{ kind: "refused", message: `${what} was refused with ${outcome.code} and stands at ${at}` }]
  if (outcome.kind !== "acknowledged") return []
  if (places.length === 0) return [{ kind: "lost", message: `${what} was acknowledged and stands nowhere` }]
  if (outcome.length === undefined || places[0] === outcome.length - 1) return []
  return [{ kind: "lost", message: `${what} was acknowledged as entry ${outcome.length - 1} and stands at ${at}` }]
}

/** What had ended before another began comes before it: from the end of the log on, nothing may have ended before what stands before it began. */
function checkOrder({ appends }: History, places: ReadonlyMap<string, readonly number[]>): readonly Violation[] {
  const standing = appends
    .flatMap((append) => {
      const [index] = places.get(append.token) ?? []
      // Who was not told that it stands does not know when it did.
      const end = append.outcome.kind === "acknowledged" ? append.end : Number.POSITIVE_INFINITY
      return index === undefined ? [] : [{ index, end, append }]
    })
    .toSorted((a, b) => b.index - a.index)
  const violations: Violation[] = []
  let first: (typeof standing)[number] | undefined
  for (const each of standing) {
    if (first !== undefined && first.end < each.append.start) {
      const [later, sooner] = [first.append, each.append]
      const message = `the ${later.token} was acknowledged by ${later.node} before the ${sooner.token} was sent to ${sooner.node}, but stands after it, ${first.index} after ${each.index}`
      violations.push({ kind: "order", message })
    }
    if (first === undefined || each.end < first.end) first = each
  }
  return violations
}

/** What one node once knew it does not forget. */
function checkNodes(heads: readonly HeadRecord[]): readonly Violation[] {
  const known = new Map<string, HeadRecord>()
  return heads
    .toSorted((a, b) => a.start - b.start)
    .flatMap((head): readonly Violation[] => {
      const before = known.get(head.node)
      if (before === undefined || head.length >= before.length) known.set(head.node, head)
      if (before === undefined || before.end > head.start || head.length >= before.length) return []
      return [{ kind: "backwards", message: `${head.node} had ${before.length} entries, and ${head.length} later` }]
    })
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function short(head: string): string {
  return head.length > 16 ? `${head.slice(0, 16)}…` : head
}
