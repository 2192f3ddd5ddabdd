import { createHash } from "node:crypto"
import { unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  emptyAudit,
  encodeAuditEvent,
  foldAuditEvent,
  MAX_AUDIT_EVENT_BYTES,
  nextAuditHead,
  type AuditEvent,
  type AuditHead,
} from "./audit.ts"
import { MAX_KEY_ID_LENGTH } from "./key-id.ts"

const tools = {
  sha256: (...parts: readonly Uint8Array[]): Uint8Array => {
    const hash = createHash("sha256")
    for (const part of parts) hash.update(part)
    return new Uint8Array(hash.digest())
  },
}

const event = (index: number): AuditEvent => ({
  at: unwrap(decodeTimestamp(1_000 + index)),
  caller: "uid:1000",
  key: "web/tls",
  action: index % 2 === 0 ? "sign" : "verify",
  outcome: index % 3 === 0 ? "KEY_DISABLED" : "ok",
})

function trailOf(events: readonly AuditEvent[]): { readonly stored: readonly Uint8Array[]; readonly head: AuditHead } {
  let head = emptyAudit()
  const stored = events.map((each) => {
    const bytes = encodeAuditEvent(head, each)
    head = nextAuditHead(tools, head, bytes)
    return bytes
  })
  return { stored, head }
}

/** Folds a stored trail; where it breaks, if it does. */
function replay(stored: readonly Uint8Array[]): {
  readonly head: AuditHead
  readonly events: readonly AuditEvent[]
  readonly brokenAt?: number
} {
  let head = emptyAudit()
  const events: AuditEvent[] = []
  for (const [index, bytes] of stored.entries()) {
    const folded = foldAuditEvent(tools, head, bytes)
    if (!folded.ok) return { head, events, brokenAt: index }
    events.push(folded.value.event)
    head = folded.value.head
  }
  return { head, events }
}

describe("an audit trail", () => {
  const events = Array.from({ length: 12 }, (_, index) => event(index))
  const { head, stored } = trailOf(events)

  test("gives back what was written", () => expect(replay(stored)).toEqual({ head, events }))

  test("shows every change, move and omission, at the latest in its head", () => {
    fc.assert(
      fc.property(fc.nat(11), fc.nat(11), fc.nat(), fc.nat(7), (a, b, at, bit) => {
        const flipped = Uint8Array.from(stored[a] ?? [])
        flipped[at % flipped.length] = (flipped[at % flipped.length] ?? 0) ^ (1 << bit)
        const isNoticed = (changed: readonly Uint8Array[]): boolean => {
          const read = replay(changed)
          return read.brokenAt !== undefined || read.head.length !== head.length || !Buffer.from(read.head.hash).equals(head.hash)
        }
        expect(isNoticed(stored.with(a, flipped))).toBe(true)
        expect(isNoticed(stored.toSpliced(a, 1))).toBe(true)
        expect(isNoticed(stored.slice(0, a))).toBe(true)
        if (a !== b) expect(isNoticed(stored.with(a, stored[b] ?? flipped).with(b, stored[a] ?? flipped))).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test("never takes what is not an event, and has room for the longest", () => {
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0xff), new Uint8Array(MAX_AUDIT_EVENT_BYTES + 1)])
      expect(foldAuditEvent(tools, emptyAudit(), bytes)).toMatchObject({ code: "AUDIT_CORRUPT" })
    const longest = { ...event(0), key: "k".repeat(MAX_KEY_ID_LENGTH), caller: `rpc:${"x".repeat(32)}`, outcome: "K".repeat(64) }
    const bytes = encodeAuditEvent({ length: Number.MAX_SAFE_INTEGER, hash: new Uint8Array(32) }, longest)
    expect(bytes.length).toBeLessThan(MAX_AUDIT_EVENT_BYTES)
  })
})
