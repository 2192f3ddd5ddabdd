import { expect, test } from "vitest"
import { startMeans, type StartFacts } from "./start-means.ts"

const member: StartFacts = {
  locked: false,
  isGiven: false,
  others: "pieces",
  opensByOthers: true,
  hasKeyFile: true,
  hasTerminal: true,
}

test.each<[string, Partial<StartFacts>, string]>([
  ["a member asks its peers, also where there is a key file", {}, "pieces"],
  ["what is given counts", { isGiven: true }, "given"],
  ["who is told to be locked is", { locked: true }, "locked"],
  ["a member whose pieces are not out takes its key file", { opensByOthers: false }, "key file"],
  ["it asks for the passphrase where it has no key file", { opensByOthers: false, hasKeyFile: false }, "passphrase"],
  ["it waits locked where nobody can be asked", { opensByOthers: false, hasKeyFile: false, hasTerminal: false }, "pieces"],
  ["a node that a label opens asks for its grant", { others: "delegated" }, "delegated"],
  ["a node that no label opens any more takes its key file", { others: "delegated", opensByOthers: false }, "key file"],
  ["a node that is no member takes its key file", { others: undefined }, "key file"],
  ["or asks, and fails where nobody is there", { others: undefined, hasKeyFile: false, hasTerminal: false }, "passphrase"],
])("%s", (_what, facts, means) => {
  expect(startMeans({ ...member, ...facts })).toBe(means)
})
