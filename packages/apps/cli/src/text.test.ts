import { expect, test } from "vitest"
import { byteCount, fields, moment, relativeTime, shortened, table } from "./text.ts"

const now = Date.parse("2026-11-21T12:00:00Z")
const hour = 3_600_000

test.each([
  [0, "now"],
  [1_500, "in 2 seconds"],
  [90_000, "in 2 minutes"],
  [-2 * hour, "2 hours ago"],
  [30 * 24 * hour, "in 30 days"],
  [-47 * hour, "2 days ago"],
])("relative time of %d ms", (distance, expected) => {
  expect(relativeTime(now + distance, now)).toBe(expected)
})

test("a moment is absolute and relative", () => {
  expect(moment(now + 2 * hour, now)).toBe("2026-11-21 14:00 UTC (in 2 hours)")
})

test.each([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1536, "1.5 KiB"],
  [2 ** 30, "1.0 GiB"],
])("%d bytes", (bytes, expected) => {
  expect(byteCount(bytes)).toBe(expected)
})

test("columns are aligned and lines have no blanks at their end", () => {
  expect(
    table(
      ["id", "state"],
      [
        ["a", "ok"],
        ["bcd", ""],
      ],
    ),
  ).toBe("id   state\na    ok\nbcd")
  expect(
    fields([
      ["a", "1"],
      ["long", "2"],
    ]),
  ).toBe("a     1\nlong  2")
})

test("long ids are shortened, short ones are not", () => {
  expect(shortened("0123456789abcdef")).toBe("0123456789ab…")
  expect(shortened("0123456789ab")).toBe("0123456789ab")
})
