import { unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { decodeKeyId, type KeyState } from "@keygrove/keys"
import { describe, expect, test } from "vitest"
import { judgeAudit, judgeKeys, viewOf, type KeyView, type KnownKey, type Observed, type Step } from "./keystore-model.ts"

const now = unwrap(decodeTimestamp(1_800_000_000_000))

/** The key `a` with one version for each state; each has its number as its public key. */
function entryOf(...states: readonly KeyState[]): KnownKey {
  const versions = states.map((state, index) => ({ version: index + 1, state, createdAt: now, publicKey: Uint8Array.of(index + 1) }))
  return { id: unwrap(decodeKeyId("a")), type: "ed25519", versions }
}

const keysOf = (...states: readonly KeyState[]): ReadonlyMap<string, KeyView> =>
  new Map(states.length === 0 ? [] : [["a", viewOf(entryOf(...states))]])

/** A store with the key `a` and the secrets that go with it, or other ones. */
function storeOf(states: readonly KeyState[], secrets?: readonly number[]): Observed {
  const owed = states.flatMap((state, index) => (state === "destroyed" ? [] : [index + 1]))
  return { keys: keysOf(...states), secrets: new Map(states.length === 0 && secrets === undefined ? [] : [["a", secrets ?? owed]]) }
}

const done = (change: Step["change"] & object, ...states: readonly KeyState[]): Step => ({
  audited: { key: "a", action: change.kind === "create" ? "register" : change.kind === "rotate" ? "rotate" : "destroy" },
  change,
  outcome: "ok",
  entry: entryOf(...states),
})
const lost = (change: Step["change"] & object): Step => ({ audited: { key: "a", action: "rotate" }, change, outcome: "lost" })
const create = { key: "a", kind: "create" } as const
const rotate = { key: "a", kind: "rotate" } as const
const destroy = { key: "a", kind: "state", state: "destroyed" } as const

describe("the judge of keys after a crash", () => {
  test.each<[string, ReadonlyMap<string, KeyView>, readonly Step[], Observed]>([
    ["nothing happened", keysOf("enabled"), [], storeOf(["enabled"])],
    ["made", keysOf(), [done(create, "enabled")], storeOf(["enabled"])],
    ["perhaps made: yes", keysOf(), [lost(create)], storeOf(["enabled"])],
    ["perhaps made: no", keysOf(), [lost(create)], storeOf([])],
    ["perhaps rotated: yes", keysOf("enabled"), [lost(rotate)], storeOf(["enabled", "enabled"])],
    ["perhaps rotated: no", keysOf("enabled"), [lost(rotate)], storeOf(["enabled"])],
    ["perhaps made and rotated", keysOf(), [lost(create), lost(rotate)], storeOf(["enabled", "enabled"])],
    ["perhaps destroyed: yes", keysOf("enabled"), [lost(destroy)], storeOf(["destroyed"])],
    ["perhaps destroyed: no", keysOf("enabled"), [lost(destroy)], storeOf(["enabled"])],
    ["destroyed", keysOf("enabled", "disabled"), [done(destroy, "destroyed", "destroyed")], storeOf(["destroyed", "destroyed"])],
  ])("lets pass: %s", (_name, before, steps, after) => {
    expect(judgeKeys(before, steps, after)).toEqual([])
  })

  test.each<[string, ReadonlyMap<string, KeyView>, readonly Step[], Observed, string]>([
    ["a lost key", keysOf("enabled"), [], storeOf([]), "a is lost"],
    ["a lost new key", keysOf(), [done(create, "enabled")], storeOf([]), "a is lost"],
    ["a lost version", keysOf("enabled"), [done(rotate, "enabled", "enabled")], storeOf(["enabled"]), "version 2 of a is lost"],
    ["a key back from the dead", keysOf("destroyed"), [], storeOf(["enabled"]), "version 1 of a was destroyed and is enabled"],
    [
      "one back that was just destroyed",
      keysOf("enabled"),
      [done(destroy, "destroyed")],
      storeOf(["enabled"]),
      "version 1 of a was destroyed and is enabled",
    ],
    ["a destroyed key's secret", keysOf("destroyed"), [], storeOf(["destroyed"], [1]), "a must have the secrets [] and has [1]"],
    ["a record without its secret", keysOf(), [lost(create)], storeOf(["enabled"], []), "a must have the secrets [1] and has []"],
    ["a secret without its record", keysOf(), [lost(create)], storeOf([], [1]), "a has a secret and no record"],
    ["a key from nowhere", keysOf(), [], storeOf(["enabled"]), "a comes from nowhere"],
    ["a version from nowhere", keysOf("enabled"), [], storeOf(["enabled", "enabled"]), "a has version 2 from nowhere"],
    [
      "a state from nowhere",
      keysOf("enabled"),
      [lost(rotate)],
      storeOf(["disabled"]),
      "version 1 of a is disabled, which nobody asked for",
    ],
    [
      "an answer that goes back",
      keysOf("enabled"),
      [done(rotate, "disabled"), done(rotate)],
      storeOf(["disabled"]),
      "version 1 of a is lost",
    ],
  ])("finds %s", (_name, before, steps, after, found) => {
    expect(judgeKeys(before, steps, after)).toContain(found)
  })

  test("finds another key under the same number", () => {
    const keys = new Map<string, KeyView>([["a", { type: "ed25519", versions: [{ state: "enabled", publicKey: "ff" }] }]])
    expect(judgeKeys(keysOf("enabled"), [], { keys, secrets: new Map([["a", [1]]]) })).toEqual(["version 1 of a is another key"])
  })
})

describe("the judge of the audit trail after a crash", () => {
  const event = { at: now, caller: "node", key: "a", action: "rotate", outcome: "ok" } as const

  test("wants an event of every answer, and allows one of every call without one", () => {
    expect(judgeAudit([done(rotate, "enabled", "enabled"), lost(rotate)], [event])).toEqual([])
    expect(judgeAudit([done(rotate, "enabled", "enabled"), lost(rotate)], [event, event])).toEqual([])
  })

  test("finds a missing one and one that nobody asked for", () => {
    expect(judgeAudit([done(rotate, "enabled", "enabled")], [])).toEqual(["no event of: rotate a ok"])
    expect(judgeAudit([], [event])).toEqual(["nobody asked for: rotate a"])
    expect(judgeAudit([lost(rotate)], [event, event])).toEqual(["nobody asked for: rotate a"])
  })
})
