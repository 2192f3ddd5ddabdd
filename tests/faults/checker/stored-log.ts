import { setTimeout as delay } from "node:timers/promises"
import type { StoredEntry } from "./history.ts"

/** Entries asked for at once. */
const PAGE = 500
/** How long a member may take to answer one page; a member that just came back elects first. */
const ANSWER_MS = 5_000
const TRIES = 12
const HASH_BYTES = 32

/**
 * Reads a whole ledger out of etcd through the JSON gateway of its members (https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/), at one revision, as
 * docs/protocol/ledger.md says that it lies there: nothing of the program under test takes part.
 * @param members their client addresses, http://HOST:PORT
 */
export async function readStoredLog(members: readonly string[], prefix: string): Promise<readonly StoredEntry[]> {
  const log: StoredEntry[] = []
  const end = `${prefix}/entry0`
  let [key, revision] = [`${prefix}/entry/`, "0"]
  for (;;) {
    const page = await range(members, { key: base64(key), range_end: base64(end), limit: String(PAGE), revision })
    log.push(...page.pairs.map(entryOf))
    const last = page.pairs.at(-1)
    if (!page.more || last === undefined) return log
    // The next key after K is K and a zero byte.
    ;[key, revision] = [`${last.key.toString("utf8")}\0`, page.revision]
  }
}

interface Pair {
  readonly key: Buffer
  readonly value: Buffer
  readonly writes: number
}

interface Page {
  readonly pairs: readonly Pair[]
  readonly more: boolean
  readonly revision: string
}

function entryOf({ key, value, writes }: Pair): StoredEntry {
  const digits = /\/(\d{16})$/.exec(key.toString("utf8"))?.[1]
  if (digits === undefined || value.length <= HASH_BYTES) throw new Error(`etcd holds no entry at ${key.toString("utf8")}`)
  return { index: Number(digits), bytes: value.subarray(HASH_BYTES), head: value.subarray(0, HASH_BYTES).toString("hex"), writes }
}

/** Asks one member after the other. */
async function range(members: readonly string[], request: Readonly<Record<string, string>>): Promise<Page> {
  let reason: unknown
  for (let attempt = 0; attempt < TRIES; attempt++) {
    try {
      const response = await fetch(`${members[attempt % members.length]}/v3/kv/range`, {
        method: "POST",
        body: JSON.stringify(request),
        signal: AbortSignal.timeout(ANSWER_MS),
      })
      if (response.ok) return pageOf(await response.json())
      reason = new Error(await response.text())
    } catch (error) {
      reason = error
    }
    await delay(500)
  }
  throw new Error("etcd does not show its log", { cause: reason })
}

/** Protocol buffers as JSON: what is zero is left out, 64-bit numbers are text, bytes are base64. */
function pageOf(answer: unknown): Page {
  const { header, kvs = [], more = false } = fieldsOf(answer)
  if (!Array.isArray(kvs)) throw new Error("etcd gave no list of keys")
  const pairs = kvs.map(fieldsOf).map(({ key, value = "", version }) => {
    if (typeof key !== "string" || typeof value !== "string") throw new Error("etcd gave a key without bytes")
    return { key: Buffer.from(key, "base64"), value: Buffer.from(value, "base64"), writes: Number(version) }
  })
  return { pairs, more: more === true, revision: String(fieldsOf(header)["revision"]) }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {}
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64")
}
