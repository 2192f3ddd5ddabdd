import { decodeCanonical, encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { decodeClusterBytes, decodeEpoch, decodeNodePath, decodeTimestamp } from "@keygrove/hierarchy"
import { describe, expect, test } from "vitest"
import { decodePolicyGrant, encodePolicyGrant, MAX_POLICY_GRANT_BYTES, type PolicyGrant } from "./policy-granted.ts"
import { decodeProxyTerms, encodeProxyTerms, type ProxyTerms } from "./proxy-terms.ts"

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const pointOf = (fill: number): Uint8Array => Uint8Array.of(2, ...key(fill))
const longest = `/${Array.from({ length: 8 }, () => "x".repeat(31)).join("/")}`
const proxies = (count: number): PolicyGrant["proxies"] =>
  Array.from({ length: count }, (_, index) => ({
    cluster: unwrap(decodeClusterBytes(key(index))),
    path: unwrap(decodeNodePath(longest)),
    signingKey: key(index),
    fragmentDigest: key(index),
  }))
const grant = (count: number, threshold = 1): PolicyGrant => ({
  policyId: key(1),
  scheme: "umbral",
  epoch: unwrap(decodeEpoch(1)),
  labelKey: pointOf(1),
  delegationKey: pointOf(2),
  reader: { encryptionKey: pointOf(3), signingKey: key(4) },
  threshold,
  expiresAt: unwrap(decodeTimestamp(1)),
  proxies: proxies(count),
  continues: key(5),
  sealedLabel: new Uint8Array(256),
})

/** The encoded grant with some fields changed, as a hostile peer would write it. */
function forged(changes: Readonly<Record<string, CborValue>>): Uint8Array {
  const value = unwrap(decodeCanonical(encodePolicyGrant(grant(3)), MAX_POLICY_GRANT_BYTES))
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) throw new TypeError("not a map")
  return encodeCanonical({ ...value, ...changes })
}

describe("policy grants", () => {
  test("the largest one fits, encodes and decodes", () => {
    const bytes = encodePolicyGrant(grant(30, 30))
    expect(bytes.length).toBeLessThanOrEqual(MAX_POLICY_GRANT_BYTES)
    expect(unwrap(decodePolicyGrant(bytes))).toEqual(grant(30, 30))
  })

  test("what is absent stays absent: a sealed label, and what the policy continues", () => {
    const { continues: _first, sealedLabel: _label, ...rest } = grant(1)
    expect(unwrap(decodePolicyGrant(encodePolicyGrant(rest)))).toEqual(rest)
  })

  test.each<[string, Readonly<Record<string, CborValue>>]>([
    ["threshold 0", { threshold: 0 }],
    ["threshold above shares", { threshold: 4 }],
    ["no proxies", { proxies: [] }],
    ["another scheme", { scheme: "bbs98" }],
    ["an uncompressed key", { labelKey: Uint8Array.of(4, ...key(1)) }],
    ["a short id", { policyId: new Uint8Array(31) }],
    ["a short id of what it continues", { continues: new Uint8Array(31) }],
    ["an empty sealed label", { sealedLabel: new Uint8Array(0) }],
    ["a long sealed label", { sealedLabel: new Uint8Array(257) }],
    ["an unknown field", { secret: 1 }],
    ["a negative expiry", { expiresAt: -1 }],
    ["epoch 0", { epoch: 0 }],
    ["a flat reader", { reader: new Uint8Array(65) }],
  ])("refuses %s", (_name, changes) => {
    expect(decodePolicyGrant(forged(changes))).toMatchObject({ ok: false, code: "STATEMENT_INVALID" })
  })

  test("refuses a node, key or fragment twice, and more than 30 proxies", () => {
    const [a, b] = proxies(2)
    if (a === undefined || b === undefined) throw new TypeError("no proxies")
    for (const twice of [
      { ...b, cluster: a.cluster },
      { ...b, signingKey: a.signingKey },
      { ...b, fragmentDigest: a.fragmentDigest },
    ]) {
      expect(decodePolicyGrant(encodePolicyGrant({ ...grant(1), proxies: [a, twice] }))).toMatchObject({ ok: false })
    }
    expect(decodePolicyGrant(encodePolicyGrant(grant(31)))).toMatchObject({ ok: false })
  })
})

describe("proxy terms", () => {
  const terms: ProxyTerms = {
    revision: 1,
    until: unwrap(decodeTimestamp(5)),
    capacity: 0,
    addresses: Array.from({ length: 16 }, () => `/${"a".repeat(255)}`),
  }

  test("the largest ones encode and decode", () => expect(unwrap(decodeProxyTerms(encodeProxyTerms(terms)))).toEqual(terms))

  test("refuses revision 0, too many or malformed addresses, and too much capacity", () => {
    const wrong: Partial<ProxyTerms>[] = [
      { revision: 0 },
      { addresses: [...terms.addresses, "/x"] },
      { addresses: ["x"] },
      { addresses: ["/a b"] },
      { addresses: [`/${"a".repeat(256)}`] },
      { capacity: 10_000_001 },
    ]
    for (const change of wrong)
      expect(decodeProxyTerms(encodeProxyTerms({ ...terms, ...change }))).toMatchObject({ ok: false, code: "STATEMENT_INVALID" })
  })
})
