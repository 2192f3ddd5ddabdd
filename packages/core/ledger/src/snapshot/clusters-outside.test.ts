import { expect, test } from "vitest"
import { clusterEntry, kitChild, kitFold, kitRoot, nodeEntry, rekeyEntry, rootReplacedEntry } from "../ledger-kit.contract.ts"
import { clustersOutside } from "./clusters-outside.ts"

function family(name: string) {
  const root = kitRoot(name)
  const [laptop, phone] = [kitChild(root, "/laptop"), kitChild(root, "/phone")]
  return { root, laptop, phone, certified: [clusterEntry(root), nodeEntry(root, laptop), nodeEntry(root, phone)] } as const
}

const [old, next, foreign] = [family("old"), family("next"), family("foreign")]
const outside = (entries: readonly Uint8Array[], of = next): readonly string[] =>
  clustersOutside(kitFold(entries).ledger.state, of.root.cluster)

test("are others, but those whose root stepped down for this one and whose nodes have all moved", () => {
  const begun = [...old.certified, rekeyEntry(old.laptop, 1), rekeyEntry(old.phone, 1)]
  expect(outside(begun, old)).toEqual([])
  const both = [...begun, ...next.certified]
  expect(outside(both)).toEqual([old.root.cluster])
  expect(outside(both, old)).toEqual([next.root.cluster])
  const moving = [...both, rootReplacedEntry(old.root, next.root), rekeyEntry(next.laptop, 1)]
  expect(outside(moving)).toEqual([old.root.cluster])
  const moved = [...moving, rekeyEntry(next.phone, 1)]
  expect(outside(moved)).toEqual([])
  // Nobody of it is there yet; who comes could not start.
  expect(outside([...moved, clusterEntry(foreign.root)])).toEqual([foreign.root.cluster])
})
