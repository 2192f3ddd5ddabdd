import { expect, test } from "vitest"
import { decodeLockState } from "./lock-state.ts"

test("a node that serves waits for nobody; a locked one says whom it waits for", () => {
  expect(decodeLockState({ state: "serving" })).toEqual({ state: "serving", peers: null })
  expect(decodeLockState({ state: "unlocking", unlocking: null })).toEqual({ state: "unlocking", peers: null })
  const off = { path: "/attic", reason: "PEER_UNREACHABLE: it is off" }
  const peers = { request: "3f9c0a1b", given: 1, needed: 2, waiting: ["/desk"], refused: [], unreachable: [off], problem: null }
  expect(decodeLockState({ state: "unlocking", unlocking: { ...peers, rounds: 1, text: "…" } })).toEqual({ state: "unlocking", peers })
  expect(() => decodeLockState({ state: "unlocking", unlocking: { ...peers, given: "1" } })).toThrow(/"given"/)
})
