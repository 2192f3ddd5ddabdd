import { unwrap } from "@keygrove/base"
import { decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import { expect, test } from "vitest"
import { piecesText, type PiecesProgress } from "./pieces-unlocking.ts"

function at(path: string): NodePath {
  return unwrap(decodeNodePath(path))
}

const nothing: PiecesProgress = {
  path: "/me",
  rounds: 1,
  request: "3f9c0a1b",
  given: 0,
  needed: 3,
  waiting: [],
  refused: [],
  unreachable: [],
}

test("what a locked node waits for is said with what to do, in an order that does not change", () => {
  expect(piecesText(nothing)).toBe("0 of 3 pieces were given")
  const all: PiecesProgress = {
    ...nothing,
    given: 1,
    waiting: [at("/b"), at("/a")],
    refused: [{ path: at("/c"), reason: "UNLOCK_TOO_OFTEN: it was asked five times" }],
    unreachable: [
      { path: at("/e"), reason: "PEER_TIMEOUT: it is slow" },
      { path: at("/d"), reason: "PEER_UNREACHABLE: it is off" },
    ],
  }
  expect(piecesText(all)).toBe(
    "1 of 3 pieces were given; " +
      "/a, /b wait for an approval of request 3f9c0a1b: `keygrove unlock approve /me --request 3f9c0a1b` there; " +
      "/c refuses (UNLOCK_TOO_OFTEN: it was asked five times); no answer from /d, /e",
  )
  expect(piecesText({ ...nothing, waiting: [at("/a")] })).toContain("/a waits for an approval")
})
