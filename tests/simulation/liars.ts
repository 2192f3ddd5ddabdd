import { fromHex, toHex, unwrap } from "@keygrove/base"
import {
  decodeProxyAnswer,
  decodeProxyRequest,
  encodeProxyAnswer,
  receiptSignBytes,
  type ProxyAnswer,
  type ProxyRequest,
} from "@keygrove/peering"
import type { Lie } from "./lines.ts"
import { call, type Member } from "./member.ts"

/** Ways in which a proxy does not do what it should. */
export type LieKind = "changed" | "foreign" | "garbage" | "empty" | "failing" | "silent" | "forgetful" | "hoarding"

/** A fragment on disk, as the proxy service writes it; only what a liar needs. */
interface Kept {
  readonly policyId: string
  readonly stored: Uint8Array
}

/** The behaviour of a lying proxy, which has the keys and the disk of the honest one it was. */
export function lieOf(kind: LieKind, liar: Member): Lie {
  switch (kind) {
    case "changed":
      return async (_request, honest) => changeFragment(await honest())
    case "foreign":
      return async (request, honest) => (await foreignFragment(liar, request.body)) ?? (await honest())
    case "garbage":
      return async () => liar.context.random(381)
    case "empty":
      return async () => new Uint8Array(0)
    case "failing":
      return async () => await Promise.reject(new Error("a lie that is no answer"))
    case "silent":
      return async () => await new Promise<never>(() => undefined)
    case "forgetful":
      return async (request, honest) => await forget(liar, request.body, await honest())
    default:
      return hoarder(liar)
  }
}

/** One bit of each capsule fragment is another; everything around it is in order. */
function changeFragment(answer: Uint8Array): Uint8Array {
  const decoded = unwrap(decodeProxyAnswer(answer))
  if (decoded.kind !== "fragments") return answer
  const change = (fragment: Uint8Array): Uint8Array => fragment.map((byte, index) => (index === fragment.length - 80 ? byte ^ 1 : byte))
  return encodeProxyAnswer({ kind: "fragments", fragments: decoded.fragments.map(change) })
}

/** The right capsule, re-encrypted well, but with the fragment of another policy. */
async function foreignFragment(liar: Member, body: Uint8Array): Promise<Uint8Array | undefined> {
  const request = requestOf(body)
  if (request?.op !== "reencrypt") return undefined
  const other = (await keptBy(liar)).find(({ policyId }) => policyId !== toHex(request.policyId))
  return other === undefined ? undefined : await reencryptWith(liar, other, request)
}

/** Signs that it keeps a fragment, and throws it away. */
async function forget(liar: Member, body: Uint8Array, answer: Uint8Array): Promise<Uint8Array> {
  const request = requestOf(body)
  if (request?.op === "store_rekey")
    unwrap(await liar.storage.write([{ kind: "remove", collection: "fragment", key: toHex(request.draft.policyId) }], call))
  return answer
}

/** Signs that it forgets, keeps a copy of everything, and re-encrypts for whoever asks, whatever the ledger says. */
function hoarder(liar: Member): Lie {
  const hoard = new Map<string, Kept>()
  return async ({ body }, honest) => {
    for (const kept of await keptBy(liar)) hoard.set(kept.policyId, kept)
    const request = requestOf(body)
    if (request?.op === "reencrypt") {
      const kept = hoard.get(toHex(request.policyId))
      return kept === undefined ? await honest() : await reencryptWith(liar, kept, request)
    }
    const answer = await honest()
    for (const kept of await keptBy(liar)) hoard.set(kept.policyId, kept)
    return request?.op === "remove_rekey" && unwrap(decodeProxyAnswer(answer)).kind === "refused"
      ? await falseReceipt(liar, request.policyId)
      : answer
  }
}

async function falseReceipt({ context, key }: Member, policyId: Uint8Array): Promise<Uint8Array> {
  const unsigned = { action: "removed", policyId, fragmentDigest: new Uint8Array(32), issuedAt: context.clock.now() } as const
  const signature = unwrap(await context.keystore.sign("message", receiptSignBytes(unsigned, key), call))
  return encodeProxyAnswer({ kind: "receipt", ...unsigned, signature })
}

async function reencryptWith(liar: Member, kept: Kept, { capsules }: ProxyRequest & { readonly op: "reencrypt" }): Promise<Uint8Array> {
  const policyId = unwrap(fromHex(kept.policyId))
  const fragments: Uint8Array[] = []
  for (const capsule of capsules)
    fragments.push(unwrap(await liar.context.keystore.reencrypt({ policyId, stored: kept.stored, capsule }, call)))
  return encodeProxyAnswer({ kind: "fragments", fragments } satisfies ProxyAnswer)
}

async function keptBy({ storage }: Member): Promise<readonly Kept[]> {
  const records = unwrap(await storage.list("fragment", { limit: 1_000 }, call))
  return records.flatMap(({ key, value }) => {
    const stored = typeof value === "object" && value !== null && "stored" in value ? value["stored"] : undefined
    return stored instanceof Uint8Array ? [{ policyId: key, stored }] : []
  })
}

function requestOf(body: Uint8Array): ProxyRequest | undefined {
  const request = decodeProxyRequest(body)
  return request.ok ? request.value : undefined
}
