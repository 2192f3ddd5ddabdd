import { decodeCanonical, equalBytes, utf8 } from "@keygrove/base"
import { clusterBytes } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitGrant,
  kitEntry,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
  termsEntry,
} from "./ledger-kit.contract.ts"
import { encodeEntry } from "./entry.ts"
import { readEntry } from "./read-entry.ts"

const root = kitRoot("read")
const laptop = kitChild(root, "/laptop")
const grant = kitGrant("read", { node: laptop, epoch: 1 }, [{ node: laptop, epoch: 1 }])
const entries = [
  clusterEntry(root),
  nodeEntry(root, laptop),
  rekeyEntry(laptop, 1),
  termsEntry(laptop, 1, 1),
  kitEntry({ kind: "policy-granted", body: grant }, laptop, signingName(laptop, 1)),
]

/** What the general decoder gives of the same bytes; `undefined` where it refuses. */
function byLibrary(bytes: Uint8Array): unknown {
  const decoded = decodeCanonical(bytes, 65_536)
  if (!decoded.ok || typeof decoded.value !== "object" || decoded.value === null || Array.isArray(decoded.value)) return undefined
  const { v, ...fields } = { v: 0, ...decoded.value }
  return v === 1 ? fields : undefined
}

test.each(entries)("reads what the general decoder reads", (bytes) => {
  expect(readEntry(bytes)).toEqual(byLibrary(bytes))
  expect(readEntry(Buffer.from(bytes))).toEqual(byLibrary(bytes))
})

test("reads bodies and texts of any length as they are, up to what one length field of two bytes says", () => {
  for (const length of [1, 23, 24, 255, 256, 65_000, 65_535, 65_536]) {
    const draft = {
      scope: "cluster",
      kind: "zebra",
      body: new Uint8Array(length),
      author: { cluster: root.cluster, path: laptop.path, key: new Uint8Array(32) },
    } as const
    const read = readEntry(encodeEntry({ ...draft, signature: new Uint8Array(64) }))
    if (length > 65_535) expect(read).toBeUndefined()
    else expect(read).toMatchObject({ kind: "zebra", path: "/laptop", body: draft.body, cluster: clusterBytes(root.cluster) })
  }
})

test("of bytes that were changed, cut or added to, it reads nothing, or what the general decoder reads", () => {
  const damage = fc.tuple(
    fc.constantFrom(...entries),
    fc.array(fc.tuple(fc.nat(700), fc.nat(255)), { minLength: 1, maxLength: 3 }),
    fc.integer({ min: -3, max: 2 }),
  )
  fc.assert(
    fc.property(damage, ([entry, changes, more]) => {
      const bytes = new Uint8Array(entry.length + Math.max(0, more))
      bytes.set(entry)
      for (const [place, value] of changes) if (place < bytes.length) bytes[place] = value
      const damaged = more < 0 ? bytes.slice(0, more) : bytes
      const read = readEntry(damaged)
      if (read !== undefined) expect(read).toEqual(byLibrary(damaged))
    }),
    { numRuns: 3000 },
  )
})

test("copies what it reads", () => {
  const [entry = new Uint8Array(0)] = entries
  const bytes = Uint8Array.from(entry)
  const read = readEntry(bytes)
  bytes.fill(0)
  expect(read).toEqual(byLibrary(entry))
  expect(equalBytes(read?.body ?? utf8(""), bytes.slice(0, read?.body.length))).toBe(false)
})
