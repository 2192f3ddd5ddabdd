import { expect, test } from "vitest"
import { ago, counted, countdown, proseParts, shortened, soon } from "./wording.ts"

test("ids are shortened where that saves something", () => {
  expect([shortened("kg1short"), shortened("0123456789abc"), shortened("0123456789abcdef")]).toEqual([
    "kg1short",
    "0123456789abc",
    "0123456789ab…",
  ])
})

test.each([
  [0, "just now"],
  [59_999, "just now"],
  [60_000, "1 minute ago"],
  [7_199_999, "1 hour ago"],
  [172_800_000, "2 days ago"],
  [-5_000, "just now"],
])("%i ms before now is %s", (elapsed, text) => {
  expect(ago(1_000_000_000_000 - elapsed, 1_000_000_000_000)).toBe(text)
})

test("what is left counts down to nothing, and not below", () => {
  expect([300_000, 299_001, 61_000, 1, 0, -9].map((left) => countdown(left, 0))).toEqual(["5:00", "5:00", "1:01", "0:01", "0:00", "0:00"])
  expect([60_001, 60_000, 1, 0].map((left) => soon(left, 0))).toEqual(["in 2 minutes", "in 1 minute", "in 1 minute", "now"])
  expect([counted(1, "node"), counted(0, "node")]).toEqual(["1 node", "0 nodes"])
})

test("a message of the node becomes a sentence, with its commands apart", () => {
  expect(proseParts("run `keygrove lock`, then `down`")).toEqual(["Run ", { code: "keygrove lock" }, ", then ", { code: "down" }, "."])
  expect(proseParts("is it running?")).toEqual(["Is it running?"])
  expect(proseParts("a ` alone")).toEqual(["A ` alone."])
})
