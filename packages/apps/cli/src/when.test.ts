import { describe, expect, test } from "vitest"
import { CommandError } from "./errors.ts"
import { parseWhen } from "./when.ts"

const now = Date.parse("2026-11-21T12:00:00Z")

function codeOf(text: string): string {
  try {
    parseWhen(text, "--expires", now)
  } catch (error) {
    if (error instanceof CommandError) return error.code
    throw error
  }
  return "none"
}

describe("parseWhen", () => {
  test.each([
    ["30d", "2026-12-21T12:00:00.000Z"],
    ["12h", "2026-11-22T00:00:00.000Z"],
    ["90m", "2026-11-21T13:30:00.000Z"],
    ["2w", "2026-12-05T12:00:00.000Z"],
    ["2027-01-31", "2027-01-31T23:59:59.999Z"],
    ["2027-01-31T18:00:00Z", "2027-01-31T18:00:00.000Z"],
    ["2027-01-31T18:00+02:00", "2027-01-31T16:00:00.000Z"],
  ])("reads %s", (text, expected) => {
    expect(new Date(parseWhen(text, "--expires", now)).toISOString()).toBe(expected)
  })

  test.each(["0d", "2026-11-20", "2026-11-21T12:00:00Z", "1999-01-01"])("refuses %s, which is not in the future", (text) => {
    expect(codeOf(text)).toBe("EXPIRY_IN_PAST")
  })

  test.each(["", "30", "d", "-3d", "30 d", "1y", "2026-13-40", "2027-01-31T18:00", "tomorrow", "9999w", "3999-01-01", "1e9d"])(
    "refuses %j",
    (text) => {
      expect(codeOf(text)).toBe("USAGE_INVALID")
    },
  )
})
