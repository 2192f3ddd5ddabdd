import { encodeCanonical, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp } from "@keygrove/hierarchy"
import {
  decodeKeyEntry,
  decodeKeyId,
  emptyAudit,
  encodeAuditEvent,
  foldAuditEvent,
  KEY_TYPES,
  keyEntryValue,
  type AuditHead,
} from "@keygrove/keys"
import { encode } from "cborg"
import { expect, test } from "vitest"
import { bareForms, nodeForms } from "../../packages/adapters/vault/src/material/key-forms.fixture.ts"
import { parseKeyMaterial } from "../../packages/adapters/vault/src/material/parse-key-material.ts"
import { pick } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { entrySample, eventSample } from "./keystore-messages.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

test("records of named keys are decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  let accepted = 0
  await fuzz({
    name: "records of named keys",
    share: 10,
    once: (roll) => {
      const value = mutateTree(entrySample, roll)
      const entry = decodeKeyEntry(value)
      if (!entry.ok) return
      accepted++
      expect(decodeKeyEntry(keyEntryValue(entry.value))).toEqual(entry)
    },
  })
  expect(accepted).toBeGreaterThan(0)
})

test("ids have one spelling", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  await fuzz({
    name: "ids",
    share: 2,
    once: (roll) => {
      const id = decodeKeyId(mutateTree(pick(roll, ["web/tls", "backup-2026", "a/b/c/d/e/f/g/h"]), roll))
      if (id.ok) expect(id.value).toMatch(/^[a-z0-9](?:[a-z0-9/-]{0,126}[a-z0-9])?$/)
    },
  })
})

test("events of the audit trail are decoded or refused, and none passes for another", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const at = unwrap(decodeTimestamp(1_800_000_000_000))
  const event = { at, caller: "node", key: "a", action: "sign", outcome: "ok" } as const
  const head: AuditHead = unwrap(foldAuditEvent(nativePrimitives, emptyAudit(), encodeAuditEvent(emptyAudit(), event))).head
  const sample = { version: 1, index: head.length, previous: head.hash, ...eventSample }
  expect(foldAuditEvent(nativePrimitives, head, encodeCanonical(sample))).toMatchObject({ ok: true })
  const accepted = new Set<string>()
  await fuzz({
    name: "events",
    share: 10,
    once: (roll) => {
      const loose = encode(roll(2) === 0 ? sample : mutateTree(sample, roll))
      const bytes = roll(12) === 0 ? randomBytesOf(roll) : roll(3) === 0 ? loose : mutateBytes(loose, roll)
      const folded = foldAuditEvent(nativePrimitives, head, bytes)
      if (!folded.ok) return
      accepted.add(folded.value.event.outcome)
      expect(Buffer.from(encodeAuditEvent(head, folded.value.event)).equals(bytes)).toBe(true)
      // One place on, or after another event, it does not fit.
      expect(foldAuditEvent(nativePrimitives, folded.value.head, bytes)).toMatchObject({ code: "AUDIT_CORRUPT" })
    },
  })
  expect(accepted.size).toBeGreaterThan(0)
})

test("key material in every form is read or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const forms = [...nodeForms(), ...KEY_TYPES.flatMap((type) => bareForms(type, new Uint8Array(32).fill(0x11)))]
  let accepted = 0
  await fuzz({
    name: "key material",
    share: 8,
    once: (roll) => {
      const form = pick(roll, forms)
      const bytes = roll(12) === 0 ? randomBytesOf(roll) : mutateBytes(form.bytes, roll)
      if (bytes.length === 0) return
      using material = Secret.take(bytes)
      const parsed = parseKeyMaterial(roll(6) === 0 ? pick(roll, KEY_TYPES) : form.type, material)
      if (!parsed.ok) return expect(parsed.code).toBe("KEY_MATERIAL_INVALID")
      using secret = parsed.value
      expect(secret.length).toBe(32)
      accepted++
    },
  })
  expect(accepted).toBeGreaterThan(0)
})
