import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { findHolder } from "@keygrove/ledger"
import {
  decodeProxyAnswer,
  encodeProxyRequest,
  verifyReceipt,
  type ExpectedReceipt,
  type PolicyDraft,
  type ProxyAnswer,
  type ProxyRequest,
  type Receipt,
  type ReencryptionRequest,
} from "@keygrove/peering"
import { refreshReplica } from "../ledger/refresh-replica.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress, Transport } from "../ports/transport.ts"

interface ClientContext extends Pick<NodeContext, "primitives" | "replica"> {
  readonly transport: Pick<Transport, "request">
}

/** Asks a proxy to keep a fragment; the receipt is checked. */
export async function storeFragment(
  context: ClientContext,
  proxy: PeerAddress,
  fragment: { readonly draft: PolicyDraft; readonly sealed: Uint8Array; readonly digest: Uint8Array },
  options: CallOptions,
): Promise<Result<Receipt>> {
  const { draft, sealed, digest } = fragment
  const answer = await ask(context, proxy, { op: "store_rekey", draft, sealed }, options)
  if (!answer.ok) return answer
  const expected = { action: "stored", policyId: draft.policyId, fragmentDigest: digest, proxyKey: proxy.signingKey } as const
  return await asReceipt(context, answer.value, expected, options)
}

/** Asks a proxy to forget a fragment; the receipt is checked. */
export async function removeFragment(
  context: ClientContext,
  proxy: PeerAddress,
  policyId: Uint8Array,
  options: CallOptions,
): Promise<Result<Receipt>> {
  const answer = await ask(context, proxy, { op: "remove_rekey", policyId }, options)
  if (!answer.ok) return answer
  return await asReceipt(context, answer.value, { action: "removed", policyId, proxyKey: proxy.signingKey }, options)
}

/** Asks a proxy to re-encrypt; the fragments are still to be verified. */
export async function requestReencryption(
  context: ClientContext,
  proxy: PeerAddress,
  request: ReencryptionRequest,
  options: CallOptions,
): Promise<Result<readonly Uint8Array[]>> {
  const answer = await ask(context, proxy, { op: "reencrypt", ...request }, options)
  if (!answer.ok) return answer
  if (answer.value.kind === "fragments" && answer.value.fragments.length === request.capsules.length)
    return { ok: true, value: answer.value.fragments }
  return refuse("PROXY_ANSWER_INVALID", "the proxy answered something else than it was asked; use another proxy")
}

async function ask(context: ClientContext, proxy: PeerAddress, request: ProxyRequest, options: CallOptions): Promise<Result<ProxyAnswer>> {
  const response = await context.transport.request(proxy, "proxy", encodeProxyRequest(request), options)
  if (!response.ok) return response
  const answer = decodeProxyAnswer(response.value)
  if (!answer.ok || answer.value.kind !== "refused") return answer
  return refuse(answer.value.code, answer.value.message)
}

/** A proxy that rekeyed while it was asked signs with its new key: then that counts which the ledger names for it, if need be after it was asked for news. */
async function asReceipt(
  context: ClientContext,
  answer: ProxyAnswer,
  expected: ExpectedReceipt,
  options: CallOptions,
): Promise<Result<Receipt>> {
  if (answer.kind !== "receipt") return refuse("PROXY_ANSWER_INVALID", "the proxy answered without a receipt; use another proxy")
  const verified = verifyReceipt(context.primitives, answer, expected)
  if (verified.ok) return ok(answer)
  await refreshReplica(context, options)
  const proxyKey = findHolder(context.replica.state, expected.proxyKey)?.keys.signingKey
  const isNews = proxyKey !== undefined && !equalBytes(proxyKey, expected.proxyKey)
  return isNews && verifyReceipt(context.primitives, answer, { ...expected, proxyKey }).ok ? ok(answer) : verified
}
