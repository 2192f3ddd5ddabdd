import { encodeCanonical, fromHex, toHex, unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { clusterBytes, decodeClusterId } from "../names.ts"
import { decodeTrustStatement, encodeTrustStatement, type TrustStatement } from "./trust.ts"

const cluster = unwrap(decodeClusterId("0c".repeat(32)))
const plain: TrustStatement = { cluster, anchorKey: new Uint8Array(32).fill(0xaa), revision: 7 }
const met: TrustStatement = { ...plain, contact: { signingKey: new Uint8Array(32).fill(0xbb), addresses: ["/ip4/192.0.2.7/tcp/7410"] } }

describe("a statement of trust", () => {
  test("without a contact has the bytes that it always had", () => {
    // Written by hand: a map of "cluster", "revision", "anchorKey", by the lengths of their names.
    const bytes = `a367636c75737465725820${"0c".repeat(32)}687265766973696f6e0769616e63686f724b65795820${"aa".repeat(32)}`
    expect(toHex(encodeTrustStatement(plain))).toBe(bytes)
    expect(decodeTrustStatement(unwrap(fromHex(bytes)))).toEqual({ ok: true, value: plain })
  })

  test("is what it was after it was encoded, whatever its contact", () => {
    const addresses = fc.array(fc.stringMatching(/^[!-~]{1,128}$/), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(addresses, fc.uint8Array({ minLength: 32, maxLength: 32 }), (each, signingKey) => {
        const statement = { ...plain, contact: { signingKey, addresses: each } }
        expect(decodeTrustStatement(encodeTrustStatement(statement))).toEqual({ ok: true, value: statement })
      }),
    )
  })

  test("is refused with a contact of another form", () => {
    const { signingKey, addresses } = met.contact ?? { signingKey: new Uint8Array(0), addresses: [] }
    const fields = { cluster: clusterBytes(cluster), anchorKey: plain.anchorKey, revision: 7 }
    const wrong = [
      null,
      { signingKey },
      { addresses },
      { signingKey: signingKey.subarray(1), addresses },
      { signingKey, addresses: [] },
      { signingKey, addresses: [...addresses, "a", "b", "c", "d"] },
      { signingKey, addresses: ["x".repeat(129)] },
      { signingKey, addresses: ["/ip4/\u001B[2J"] },
      { signingKey, addresses, more: 1 },
    ]
    for (const contact of wrong)
      expect(decodeTrustStatement(encodeCanonical({ ...fields, contact }))).toMatchObject({ code: "STATEMENT_INVALID" })
    expect(decodeTrustStatement(encodeTrustStatement(met))).toEqual({ ok: true, value: met })
  })
})
