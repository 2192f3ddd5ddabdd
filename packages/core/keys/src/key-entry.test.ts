import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import { decodeCanonical, encodeCanonical, fromHex, toHex, unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeKeyBackend, KEY_BACKENDS } from "./key-backend-name.ts"
import { rotated, satisfiesOrder, stateOf, verifyingVersions, versionFor, withState, type KeyEntry, type KeyState } from "./key-entry.ts"
import { decodeKeyId } from "./key-id.ts"
import { decodeKeyEntry, keyEntryValue } from "./key-record.ts"
import { KEY_OPERATIONS, KEY_TYPES, keyTypeTraits, type KeyOperation, type KeyType } from "./key-type.ts"

const at = (milliseconds: number): Timestamp => unwrap(decodeTimestamp(milliseconds))

function entryOf(type: KeyType, exportable = false): KeyEntry {
  const publicKey = new Uint8Array(keyTypeTraits(type).publicBytes)
  const versions = [{ version: 1, state: "enabled", createdAt: at(1), publicKey }] as const
  return { id: unwrap(decodeKeyId("web/tls")), type, backend: "sealed", source: "generated", exportable, rules: {}, versions }
}

const order = { id: unwrap(decodeKeyId("web/tls")), type: "ed25519", exportable: false } as const
const next = { publicKey: new Uint8Array(32), createdAt: at(2) }

describe("a registered key", () => {
  test("satisfies the same order again and no other", () => {
    const entry = entryOf("ed25519")
    expect(satisfiesOrder(entry, order)).toEqual({ ok: true, value: true })
    expect(satisfiesOrder(entry, { ...order, type: "p256" })).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
    expect(satisfiesOrder(entry, { ...order, backend: "sealed" })).toMatchObject({ ok: true })
    expect(satisfiesOrder(entry, { ...order, backend: "pkcs11" })).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
    expect(satisfiesOrder(entry, { ...order, exportable: true })).toMatchObject({ code: "KEY_TYPE_MISMATCH" })
    expect(satisfiesOrder(entryOf("ed25519", true), order)).toMatchObject({ ok: true })
    expect(satisfiesOrder(unwrap(withState(entry, "destroyed")), order)).toMatchObject({ code: "KEY_DESTROYED" })
  })

  test("signs with its newest version and verifies with all that are enabled", () => {
    const two = unwrap(rotated(entryOf("ed25519"), next))
    expect(unwrap(versionFor(two, "sign")).version).toBe(2)
    expect(versionFor(two, "sign", 1)).toMatchObject({ code: "KEY_OPERATION_UNSUPPORTED" })
    expect(unwrap(versionFor(two, "verify", 1)).version).toBe(1)
    expect(verifyingVersions(two).map(({ version }) => version)).toEqual([2, 1])
    const one = unwrap(withState(two, "disabled", 1))
    expect(verifyingVersions(one).map(({ version }) => version)).toEqual([2])
    expect(versionFor(one, "verify", 1)).toMatchObject({ code: "KEY_DISABLED" })
    expect(versionFor(one, "verify", 3)).toMatchObject({ code: "KEY_VERSION_UNKNOWN" })
  })

  test.each(KEY_TYPES)("of type %s does what its type does, and nothing else", (type) => {
    for (const operation of KEY_OPERATIONS) {
      const expected = keyTypeTraits(type).operations.includes(operation)
      expect(versionFor(entryOf(type), operation).ok, operation).toBe(expected)
    }
  })

  test("stays destroyed", () => {
    const gone = unwrap(withState(entryOf("ed25519"), "destroyed"))
    expect(withState(gone, "enabled")).toMatchObject({ code: "KEY_DESTROYED" })
    expect(rotated(gone, next)).toMatchObject({ code: "KEY_DESTROYED" })
    expect(versionFor(gone, "verify")).toMatchObject({ code: "KEY_DESTROYED" })
  })
})

type Step = { readonly kind: "rotate" } | { readonly kind: "state"; readonly state: KeyState; readonly version?: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.constant<Step>({ kind: "rotate" }),
    fc
      .record({ state: fc.constantFrom<KeyState>("enabled", "disabled", "destroyed"), version: fc.integer({ min: 1, max: 6 }) })
      .map(({ state, version }): Step => (version === 6 ? { kind: "state", state } : { kind: "state", state, version })),
  ),
  { maxLength: 30 },
)

test("over any history it agrees with a naive twin, and its record survives", () => {
  fc.assert(
    fc.property(steps, fc.constantFrom<KeyOperation>("sign", "verify"), (history, operation) => {
      let entry = entryOf("ed25519")
      // The twin: a plain list of states.
      const twin: KeyState[] = ["enabled"]
      for (const step of history) {
        if (step.kind === "rotate") {
          const made = rotated(entry, next)
          expect(made.ok).toBe(twin.at(-1) !== "destroyed")
          if (made.ok) twin.push("enabled")
          if (made.ok) entry = made.value
        } else {
          const set = withState(entry, step.state, step.version)
          if (set.ok) entry = set.value
          twin.forEach((state, index) => {
            if (state !== "destroyed" && (step.version === undefined || step.version === index + 1)) twin[index] = step.state
          })
        }
        expect(entry.versions.map(({ state }) => state)).toEqual(twin)
      }
      expect(stateOf(entry)).toBe(twin.at(-1))
      expect(versionFor(entry, operation).ok).toBe(twin.at(-1) === "enabled")
      expect(unwrap(decodeKeyEntry(keyEntryValue(entry)))).toEqual(entry)
    }),
    { numRuns: 500 },
  )
})

/** The record of a key as versions of this program wrote it that knew one backend. */
const OLD_RECORD =
  "a6626964677765622f746c73647479706567656432353531396572756c6573a265616c6c6f7781a26663616c6c6572657569643a376a6f7065726174" +
  "696f6e7381647369676e697065724d696e7574650266736f7572636568696d706f727465646876657273696f6e7381a4657374617465686469736162" +
  "6c65646776657273696f6e01696372656174656441741b000001a3185c5000697075626c69634b657958200707070707070707070707070707070707" +
  "0707070707070707070707070707076a6578706f727461626c65f5"

describe("the backend of a record", () => {
  test("goes without saying in old records, which are read and written as they were", () => {
    const bytes = unwrap(fromHex(OLD_RECORD))
    const entry = unwrap(decodeKeyEntry(unwrap(decodeCanonical(bytes, 1_000))))
    expect(entry).toMatchObject({ id: "web/tls", backend: "sealed", source: "imported", exportable: true, rules: { perMinute: 2 } })
    expect(toHex(encodeCanonical(keyEntryValue(entry)))).toBe(OLD_RECORD)
  })

  test("is one that there is, and said in one way", () => {
    const entry = entryOf("p256")
    for (const backend of KEY_BACKENDS) expect(unwrap(decodeKeyEntry(keyEntryValue({ ...entry, backend })))).toEqual({ ...entry, backend })
    const value = { ...(keyEntryValue(entry) as object) }
    for (const backend of ["sealed", "token", "", 1, null])
      expect(decodeKeyEntry({ ...value, backend })).toMatchObject({ code: "KEY_RECORD_INVALID" })
    expect(decodeKeyBackend("token")).toMatchObject({ code: "KEY_BACKEND_UNKNOWN" })
  })
})

test("a record is refused when anything in it does not fit", () => {
  const good = { ...(keyEntryValue(entryOf("secp256k1")) as object) }
  const version = { version: 1, state: "enabled", createdAt: 1, publicKey: new Uint8Array(33) }
  for (const wrong of [
    { ...good, id: "Web" },
    { ...good, type: "rsa" },
    { ...good, versions: [] },
    { ...good, versions: [{ ...version, version: 2 }] },
    { ...good, versions: [{ ...version, publicKey: new Uint8Array(32) }] },
    { ...good, versions: [{ ...version, state: "lost" }] },
    { ...good, rules: { perMinute: 0 } },
    { ...good, rules: { allow: [{ caller: "root", operations: [] }] } },
    { ...good, secret: new Uint8Array(32) },
  ])
    expect(decodeKeyEntry(wrong)).toMatchObject({ code: "KEY_RECORD_INVALID" })
})
