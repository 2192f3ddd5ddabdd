import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import type { Receipt, ReencryptionRequest } from "./proxy-messages.ts"

/** What a reader signs: the policy, a digest of the capsules, the one proxy it is for, and when. */
export function requestSignBytes(
  primitives: Pick<Primitives, "sha256">,
  request: Pick<ReencryptionRequest, "policyId" | "capsules" | "issuedAt" | "nonce">,
  proxyKey: Uint8Array,
): Uint8Array {
  return encodeInfo([
    "keygrove/v1/request",
    request.policyId,
    primitives.sha256(...request.capsules),
    proxyKey,
    request.issuedAt,
    request.nonce,
  ])
}

/** What a proxy signs. */
export function receiptSignBytes(receipt: Omit<Receipt, "signature">, proxyKey: Uint8Array): Uint8Array {
  return encodeInfo(["keygrove/v1/receipt", receipt.action, receipt.policyId, receipt.fragmentDigest, proxyKey, receipt.issuedAt])
}

/** What a receipt must say to count. */
export interface ExpectedReceipt {
  readonly action: Receipt["action"]
  readonly policyId: Uint8Array
  /** The fragment's digest, where the caller knows it. */
  readonly fragmentDigest?: Uint8Array
  readonly proxyKey: Uint8Array
}

/** Checks a receipt against what was asked and the proxy's signature. */
export function verifyReceipt(
  primitives: Pick<Primitives, "ed25519">,
  receipt: Receipt,
  expected: ExpectedReceipt,
): Result<true, "RECEIPT_INVALID"> {
  const isAbout = receipt.action === expected.action && equalBytes(receipt.policyId, expected.policyId)
  const isSame = expected.fragmentDigest === undefined || equalBytes(receipt.fragmentDigest, expected.fragmentDigest)
  if (!isAbout || !isSame) return refuse("RECEIPT_INVALID", "the proxy's receipt is about something else than was asked; use another proxy")
  if (primitives.ed25519.verify(expected.proxyKey, receiptSignBytes(receipt, expected.proxyKey), receipt.signature)) return ok(true)
  return refuse("RECEIPT_INVALID", "the proxy's signature on its receipt does not hold; use another proxy")
}
