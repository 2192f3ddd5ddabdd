import { concatBytes, toHex, unwrap } from "@keygrove/base"
import { sha256 } from "@noble/hashes/sha2.js"
import fc from "fast-check"
import { expect, test } from "vitest"
import { clusterIdOf } from "./derivation.ts"
import { decodeRootUri, encodeRootUri } from "./root-uri.ts"

const hashing = { sha256: (...parts: readonly Uint8Array[]) => sha256(concatBytes(...parts)) }
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

test("says the cluster and its anchor, and nothing else", () => {
  fc.assert(
    fc.property(key, (anchorKey) => {
      const facts = { cluster: clusterIdOf(hashing, anchorKey), anchorKey }
      const text = encodeRootUri(facts)
      expect(text).toBe(`keygrove:root?cluster=${facts.cluster}&anchor=${toHex(anchorKey)}`)
      expect(unwrap(decodeRootUri(hashing, text))).toEqual(facts)
    }),
  )
})

test("another anchor than the cluster's, and any other form, are refused", () => {
  const anchorKey = new Uint8Array(32).fill(7)
  const text = encodeRootUri({ cluster: clusterIdOf(hashing, anchorKey), anchorKey })
  const forged = encodeRootUri({ cluster: clusterIdOf(hashing, anchorKey), anchorKey: anchorKey.with(0, 8) })
  for (const each of [
    forged,
    "",
    "keygrove:root",
    text.toUpperCase(),
    `${text} `,
    ` ${text}`,
    `${text}&x=1`,
    text.slice(0, -1),
    `${text}\n`,
  ])
    expect(decodeRootUri(hashing, each)).toMatchObject({ ok: false, code: "ROOT_URI_INVALID" })
})
