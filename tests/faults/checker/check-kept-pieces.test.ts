import { expect, test } from "vitest"
import { checkKeptPieces, type KeptPiece } from "./check-kept-pieces.ts"

const nodes = ["/n1", "/n2", "/n3"]
/** Every node keeps one piece of each other one, in two key generations. */
const sound: readonly KeptPiece[] = [1, 2].flatMap((generation) =>
  nodes.flatMap((owner) =>
    nodes
      .map((holder, place): KeptPiece => ({ holder, owner, generation, index: place + 1, sharing: `${owner} ${generation}` }))
      .filter(({ holder }) => holder !== owner),
  ),
)
const [first] = sound
if (first === undefined) throw new Error("nobody keeps anything")

test("finds nothing wrong where everybody keeps one piece of each other one", () => expect(checkKeptPieces(sound)).toEqual([]))

test("finds that nobody keeps any", () => expect(checkKeptPieces([])).toEqual([{ kind: "pieces", message: "nobody keeps a piece" }]))

test.each<[string, KeptPiece, RegExp]>([
  ["two pieces of one owner and generation at one node", { ...first, index: 9 }, /keeps two pieces/],
  ["two pieces of one owner and generation, of different sharings", { ...first, index: 9, sharing: "another" }, /keeps two pieces/],
  ["one piece at two nodes", { ...first, holder: "/n4" }, /kept by two nodes/],
  ["a node's piece of itself", { ...first, holder: first.owner, index: 9 }, /a piece of itself/],
])("finds %s", (_, more, message) => {
  expect(checkKeptPieces([...sound, more])).toEqual([{ kind: "pieces", message: expect.stringMatching(message) }])
})
