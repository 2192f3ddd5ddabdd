import { expect, test } from "vitest"
import { startMeans, type StartFacts } from "./start-means.ts"

const member: StartFacts = {
  locked: false,
  isGiven: false,
  unlocksByPieces: true,
  opensByPieces: true,
  hasKeyFile: true,
  hasTerminal: true,
}

test.each<[string, Partial<StartFacts>, string]>([
  ["a member asks its peers, also where there is a key file", {}, "pieces"],
  ["what is given counts", { isGiven: true }, "given"],
  ["who is told to be locked is", { locked: true }, "locked"],
  ["a member whose pieces are not out takes its key file", { opensByPieces: false }, "key file"],
  ["it asks for the passphrase where it has no key file", { opensByPieces: false, hasKeyFile: false }, "passphrase"],
  ["it waits locked where nobody can be asked", { opensByPieces: false, hasKeyFile: false, hasTerminal: false }, "pieces"],
  ["a node that is no member takes its key file", { unlocksByPieces: false }, "key file"],
  ["or asks, and fails where nobody is there", { unlocksByPieces: false, hasKeyFile: false, hasTerminal: false }, "passphrase"],
])("%s", (_what, facts, means) => {
  expect(startMeans({ ...member, ...facts })).toBe(means)
})
