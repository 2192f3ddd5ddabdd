import type { PiecesNode } from "@keygrove/api"
import { expect, test } from "vitest"
import { listed, lossSentence, lostWithout, markOf, outcomeWithout, shortNames, spareOf } from "./losses.ts"

const NAMES = ["/attic", "/desk", "/server", "/shed"]

/** One of four nodes whose pieces the three others keep, two of which open it. */
function node(path: string, change: Partial<PiecesNode> = {}): PiecesNode {
  const holders = NAMES.filter((each) => each !== path).map((each) => ({ path: each, isOn: each !== "/shed" }))
  const [a = "", b = "", c = ""] = holders.map((each) => each.path)
  const sharings = [{ generation: 2, needed: 2, holders, movedBy: null }]
  const losses = [
    [a, b],
    [a, c],
    [b, c],
  ]
  return {
    path,
    self: path === "/attic",
    unlock: "auto",
    evidence: null,
    isOn: path !== "/shed",
    sharings,
    canUnlock: true,
    losses,
    ...change,
  }
}

const nodes = NAMES.map((path) => node(path))

test("machines that are thought away take the nodes along that too few are left for, and an older generation may still open one", () => {
  expect(lostWithout(nodes, new Set())).toEqual([])
  expect(lostWithout(nodes, new Set(["/desk"]))).toEqual([])
  expect(lostWithout(nodes, new Set(["/desk", "/shed"]))).toEqual(["/attic", "/server"])
  const older = { generation: 1, needed: 1, holders: [{ path: "/server", isOn: true }], movedBy: null }
  const twoWays = node("/attic", { sharings: [...(nodes[0]?.sharings ?? []), older] })
  expect(lostWithout([twoWays, ...nodes.slice(1)], new Set(["/desk", "/shed"]))).toEqual(["/server"])
})

test("what a loss would mean is said in words", () => {
  expect(outcomeWithout(nodes, new Set())).toContain("Choose machines")
  expect(outcomeWithout(nodes, new Set(["/desk"]))).toBe("Without /desk, every other node could still be unlocked.")
  expect(outcomeWithout(nodes, new Set(["/desk", "/shed"]))).toBe(
    "Without /desk and /shed, only a passphrase or key file would open /attic and /server.",
  )
  expect(lossSentence(nodes)).toContain("Any one machine may be lost for good")
  expect(lossSentence([node("/attic", { losses: [["/desk"]] })])).toContain("No machine may be lost")
  const none = node("/attic", { losses: [], sharings: [] })
  expect([lossSentence([none]), spareOf(none)]).toEqual([expect.stringContaining("passphrases or key files only"), undefined])
  expect(listed(["/a", "/b", "/c"])).toBe("/a, /b and /c")
})

test("a holder is marked by whether it keeps a piece, and answers", () => {
  const sharing = {
    holders: [
      { path: "/desk", isOn: true },
      { path: "/shed", isOn: false },
      { path: "/x", isOn: null },
    ],
  }
  const marks = ["/attic", "/desk", "/shed", "/x", "/y"].map((holder) => markOf("/attic", sharing, holder))
  expect(marks).toEqual(["self", "on", "off", "unknown", "none"])
})

test("names are short where they are not another's too", () => {
  expect([...shortNames(["/laptop", "/laptop/phone", "/tablet/phone"]).values()]).toEqual(["laptop", "/laptop/phone", "/tablet/phone"])
})
