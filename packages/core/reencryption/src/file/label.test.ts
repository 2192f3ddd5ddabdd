import fc from "fast-check"
import { expect, test } from "vitest"
import { decodeLabel, MAX_LABEL_BYTES } from "./label.ts"

test.each(["photos", "photos/2026", "a b", "Büro/Verträge", "写真", "x@y.example", "ä".repeat(64), "a".repeat(128), "...", "a/..b"])(
  "accepts %j",
  (label) => {
    expect(decodeLabel(label)).toEqual({ ok: true, value: label })
  },
)

test.each([
  ["", "empty"],
  ["a".repeat(129), "too many characters"],
  ["ä".repeat(65), "too many bytes"],
  ["/a", "empty part"],
  ["a/", "empty part"],
  ["a//b", "empty part"],
  [".", "dot"],
  ["a/../b", "two dots"],
  [" a", "space before"],
  ["a /b", "space after a part"],
  ["a\nb", "control"],
  ["a\u0000", "control"],
  ["a\u202eb", "direction override"],
  ["a\u200bb", "zero width"],
  ["a\u00a0b", "no-break space"],
  ["a\u0308", "not NFC"],
  ["a\ud800", "lone surrogate"],
  ["\ue000", "private use"],
  [7, "a number"],
])("refuses %j: %s", (label, _reason) => {
  expect(decodeLabel(label)).toMatchObject({ ok: false, code: "LABEL_INVALID" })
})

test("never throws and accepts only what fits", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 140 }), (text) => {
      const label = decodeLabel(text)
      if (label.ok) expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(MAX_LABEL_BYTES)
    }),
  )
})
