import type { MeetView } from "@keygrove/api"
import { describe, expect, test } from "vitest"
import { decodeMeeting } from "./meeting.ts"

const waiting: MeetView = {
  meeting: "3f".repeat(16),
  revision: 1,
  role: "shows",
  phase: "waiting",
  code: "kgmeet1q",
  expiresAt: 1_767_225_900_000,
  words: null,
  other: null,
  error: null,
}

describe("the answer of a method about meetings", () => {
  test("leaves out what is not there", () => {
    const { code, meeting, revision, role } = waiting
    expect(decodeMeeting("meet.start", waiting)).toEqual({
      meeting,
      revision,
      role,
      phase: "waiting",
      code,
      expires: new Date(waiting.expiresAt),
    })
  })

  test("has the words and who the other side is, or why it failed", () => {
    const words = ["able", "about", "above", "absent"]
    const other = { cluster: "00".repeat(32), path: "/laptop", nickname: null }
    const compared: MeetView = { ...waiting, phase: "compare", code: null, words, other }
    expect(decodeMeeting("meet.status", compared)).toMatchObject({
      phase: "compare",
      words,
      other: { cluster: other.cluster, path: "/laptop" },
    })
    const named: MeetView = { ...compared, other: { ...other, nickname: "bob" } }
    expect(decodeMeeting("meet.status", named).other?.nickname).toBe("bob")
    const error = { code: "MEETING_EXPIRED", message: "too late" }
    expect(decodeMeeting("meet.status", { ...waiting, phase: "failed", code: null, error })).toMatchObject({ phase: "failed", error })
  })

  test("of another shape is refused", () => {
    for (const answer of [null, [], {}, { ...waiting, revision: "1" }, { ...waiting, words: "able" }, { ...waiting, phase: "asleep" }])
      expect(() => decodeMeeting("meet.status", answer)).toThrow(expect.objectContaining({ code: "RPC_ANSWER_INVALID" }))
  })
})
