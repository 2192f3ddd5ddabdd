import { expect, test } from "vitest"
import { decodeLockState } from "./lock-state.ts"

test("a node that serves waits for nobody; a locked one says whom it waits for", () => {
  expect(decodeLockState({ state: "serving" })).toEqual({ state: "serving", peers: null, grant: null })
  expect(decodeLockState({ state: "unlocking", unlocking: null })).toEqual({ state: "unlocking", peers: null, grant: null })
  const off = { path: "/attic", reason: "PEER_UNREACHABLE: it is off" }
  const peers = { request: "3f9c0a1b", given: 1, needed: 2, waiting: ["/desk"], refused: [], unreachable: [off], problem: null }
  expect(decodeLockState({ state: "unlocking", unlocking: { ...peers, rounds: 1, text: "…" } })).toEqual({
    state: "unlocking",
    peers,
    grant: null,
  })
  const delegation = { text: "waits until /desk grants it", code: "NO_POLICY" }
  expect(decodeLockState({ state: "locked", unlocking: null, delegation })).toMatchObject({
    peers: null,
    grant: "waits until /desk grants it",
  })
  expect(() => decodeLockState({ state: "unlocking", unlocking: { ...peers, given: "1" } })).toThrow(/"given"/)
})
