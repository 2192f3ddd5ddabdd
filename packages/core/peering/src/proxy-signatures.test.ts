import { unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { expect, test } from "vitest"
import { kitBytes, kitKey, kitPrimitives, kitSeed } from "../../ledger/src/ledger-kit.contract.ts"
import type { Receipt } from "./proxy-messages.ts"
import { receiptSignBytes, verifyReceipt, type ExpectedReceipt } from "./proxy-signatures.ts"

const proxyKey = kitKey("proxy")
const facts: Omit<Receipt, "signature"> = {
  action: "stored",
  policyId: kitBytes("policy"),
  fragmentDigest: kitBytes("fragment"),
  issuedAt: unwrap(decodeTimestamp(1_800_000_000_000)),
}
const expected: ExpectedReceipt = { action: "stored", policyId: facts.policyId, fragmentDigest: facts.fragmentDigest, proxyKey }

function signed(changes: Partial<Receipt> = {}, signer = "proxy"): Receipt {
  const receipt = { ...facts, ...changes }
  using seed = kitSeed(signer)
  return { ...receipt, signature: kitPrimitives.ed25519.sign(seed, receiptSignBytes(receipt, kitKey(signer))) }
}

test("a receipt counts when the proxy signed what was asked", () => {
  expect(verifyReceipt(kitPrimitives, signed(), expected)).toMatchObject({ ok: true })
  const { fragmentDigest: _unknown, ...vague } = expected
  expect(verifyReceipt(kitPrimitives, signed({ fragmentDigest: new Uint8Array(32) }), vague)).toMatchObject({ ok: true })
})

test.each<[string, Receipt]>([
  ["another action", signed({ action: "removed" })],
  ["another policy", signed({ policyId: kitBytes("another") })],
  ["another fragment", signed({ fragmentDigest: kitBytes("another") })],
  ["another signer", signed({}, "mallory")],
  ["another time than was signed", { ...signed(), issuedAt: unwrap(decodeTimestamp(1)) }],
  ["a signature of nothing", { ...signed(), signature: new Uint8Array(64) }],
])("a receipt of %s does not", (_what, receipt) => {
  expect(verifyReceipt(kitPrimitives, receipt, expected)).toMatchObject({ ok: false, code: "RECEIPT_INVALID" })
})
