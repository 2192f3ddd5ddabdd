import { refuse, type Result } from "@keygrove/base"
import {
  decodeProxyAnswer,
  encodeProxyRequest,
  verifyReceipt,
  type PolicyDraft,
  type ProxyAnswer,
  type ProxyRequest,
  type Receipt,
  type ReencryptionRequest,
} from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import type { PeerAddress } from "../ports/transport.ts"

type ClientContext = Pick<NodeContext, "transport" | "primitives">

/** Asks a proxy to keep a fragment; the receipt is checked. */
export async function storeFragment(
  context: ClientContext,
  proxy: PeerAddress,
  fragment: { readonly draft: PolicyDraft; readonly sealed: Uint8Array; readonly digest: Uint8Array },
  options: CallOptions,
): Promise<Result<Receipt>> {
  const { draft, sealed, digest } = fragment
  const answer = await ask(context, proxy, { op: "store_rekey", draft, sealed }, options)
  return answer.ok
    ? asReceipt(context, answer.value, { action: "stored", policyId: draft.policyId, fragmentDigest: digest, proxyKey: proxy.signingKey })
    : answer
}

/** Asks a proxy to forget a fragment; the receipt is checked. */
export async function removeFragment(
  context: ClientContext,
  proxy: PeerAddress,
  policyId: Uint8Array,
  options: CallOptions,
): Promise<Result<Receipt>> {
  const answer = await ask(context, proxy, { op: "remove_rekey", policyId }, options)
  return answer.ok ? asReceipt(context, answer.value, { action: "removed", policyId, proxyKey: proxy.signingKey }) : answer
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

function asReceipt(context: ClientContext, answer: ProxyAnswer, expected: Parameters<typeof verifyReceipt>[2]): Result<Receipt> {
  if (answer.kind !== "receipt") return refuse("PROXY_ANSWER_INVALID", "the proxy answered without a receipt; use another proxy")
  const verified = verifyReceipt(context.primitives, answer, expected)
  return verified.ok ? { ok: true, value: answer } : verified
}
