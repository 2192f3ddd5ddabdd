import { encodeCanonical, unwrap, type CborValue } from "@keygrove/base"
import { decodeClusterId, decodeEpoch, decodeNodePath, encodeCheckedText } from "@keygrove/hierarchy"
import { expect, test } from "vitest"
import { decodeLabelCard, encodeLabelCard, MAX_LABEL_CARD_CHARACTERS, type LabelCard } from "./label-card.ts"
import { decodeLabel } from "./label.ts"

const cluster = unwrap(decodeClusterId("ab".repeat(32)))
const labelKey = Uint8Array.from([2, ...new Uint8Array(32).fill(7)])
const card: LabelCard = {
  owner: { cluster, path: unwrap(decodeNodePath("/laptop")) },
  label: unwrap(decodeLabel("start/server")),
  epoch: unwrap(decodeEpoch(3)),
  labelKey,
}
const bytes = new Uint8Array(32).fill(0xab)
const textOf = (value: CborValue): string => encodeCheckedText("kgl", encodeCanonical(value))

test("a card decodes to what it was made of, also the longest", () => {
  expect(decodeLabelCard(encodeLabelCard(card))).toEqual({ ok: true, value: card })
  const path = unwrap(decodeNodePath(`/${"a".repeat(32)}`.repeat(8)))
  const longest = {
    ...card,
    owner: { cluster, path },
    label: unwrap(decodeLabel("l".repeat(128))),
    epoch: unwrap(decodeEpoch(2 ** 32 - 1)),
  }
  expect(decodeLabelCard(encodeLabelCard(longest))).toEqual({ ok: true, value: longest })
  expect(encodeLabelCard(longest).length).toBe(767)
})

const text = encodeLabelCard(card)
test.each([
  ["nothing", ""],
  ["an identity's prefix", `kg1${text.slice(4)}`],
  ["a typing error", `${text.slice(0, -1)}${text.endsWith("q") ? "p" : "q"}`],
  ["mixed case", `kgl1${text.slice(4).toUpperCase()}`],
  ["too long", `kgl1${"q".repeat(MAX_LABEL_CARD_CHARACTERS)}`],
  ["another version", textOf([2, bytes, "/laptop", "a", 3, labelKey])],
  ["a field more", textOf([1, bytes, "/laptop", "a", 3, labelKey, 0])],
  ["a short cluster", textOf([1, bytes.subarray(1), "/laptop", "a", 3, labelKey])],
  ["no path", textOf([1, bytes, "laptop", "a", 3, labelKey])],
  ["no label", textOf([1, bytes, "/laptop", "a/", 3, labelKey])],
  ["no epoch", textOf([1, bytes, "/laptop", "a", 0, labelKey])],
  ["no compressed point", textOf([1, bytes, "/laptop", "a", 3, labelKey.subarray(1)])],
])("refuses %s", (_what, wrong) => {
  expect(decodeLabelCard(wrong)).toMatchObject({ code: "LABEL_CARD_INVALID" })
})
