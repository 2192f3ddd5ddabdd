import { pick, type Dice } from "./dice.ts"

/** Whatever CBOR or JSON can say, and some of what they should not. */
export type Tree = string | number | boolean | null | Uint8Array | readonly Tree[] | { readonly [name: string]: Tree }

const NAMES = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "length",
  "id",
  "kind",
  "version",
  "",
  "\u0000",
  "\ud800",
  "é",
  "e\u0301",
]
const NUMBERS = [0, -0, -1, 1, 255, 256, 4_096, 4_097, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21, 1e308, 0.5]
const SPELLINGS = ["", " ", "a", "A", "../a", "a/b", "a//b", "/", "\ud800", "\udfff\ud800", "\u0000", "ﬀ", "١"]
const WORDS = ["__proto__", "ok", "ed25519", "aes256", "enabled", "destroyed", "generate", "env:HOME", "file:/dev/zero"]
const TEXTS = [...SPELLINGS, ...WORDS, ...[63, 64, 129, 5_000].map((length) => "x".repeat(length))]
const LENGTHS = [0, 1, 31, 32, 33, 48, 64, 96, 300, 5_000]
const LEAVES: readonly Tree[] = [null, true, false, ...NUMBERS, ...TEXTS, ...LENGTHS.map((length) => new Uint8Array(length))]
const MAX_CHANGES = 3
const MAX_DEPTH = 40

/** Changes some nodes of a value: other leaves, names that are special, missing, doubled, moved and deeply nested parts. */
export function mutateTree(tree: Tree, roll: Dice): Tree {
  let changed = tree
  for (let changes = 1 + roll(MAX_CHANGES); changes > 0; changes--) changed = changeSomewhere(changed, roll, tree)
  return changed
}

/** Goes down at random and changes the node where it stops. */
function changeSomewhere(tree: Tree, roll: Dice, whole: Tree): Tree {
  if (Array.isArray(tree) && tree.length > 0 && roll(3) > 0) {
    const at = roll(tree.length)
    return tree.map((each: Tree, index) => (index === at ? changeSomewhere(each, roll, whole) : each))
  }
  if (isMap(tree) && roll(4) > 0) {
    const names = Object.keys(tree)
    if (names.length > 0) {
      const name = pick(roll, names)
      return { ...tree, [name]: changeSomewhere(tree[name] ?? null, roll, whole) }
    }
  }
  return changeNode(tree, roll, whole)
}

function changeNode(tree: Tree, roll: Dice, whole: Tree): Tree {
  switch (roll(7)) {
    case 0:
      return withName(tree, pick(roll, NAMES), pick(roll, LEAVES))
    case 1:
      return withoutOne(tree, roll)
    case 2:
      return nested(tree, 1 + roll(MAX_DEPTH), roll)
    case 3:
      return Array.isArray(tree) ? [...tree, ...tree] : whole
    case 4:
      return typeof tree === "number" ? tree + pick(roll, [-1, 1, 0.5, 2 ** 32]) : pick(roll, LEAVES)
    case 5:
      return typeof tree === "string" ? tree.slice(0, roll(tree.length + 1)) + String(pick(roll, NAMES)) : pick(roll, LEAVES)
    default:
      return pick(roll, LEAVES)
  }
}

/** `__proto__` becomes a name like any other, as a decoder would make it. */
function withName(tree: Tree, name: string, value: Tree): Tree {
  if (!isMap(tree)) return value
  const copy = { ...tree }
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true })
  return copy
}

function withoutOne(tree: Tree, roll: Dice): Tree {
  if (Array.isArray(tree)) return tree.slice(0, roll(tree.length + 1))
  if (!isMap(tree)) return null
  const names = Object.keys(tree)
  const gone = names[roll(names.length + 1)]
  return Object.fromEntries(Object.entries(tree).filter(([name]) => name !== gone))
}

function nested(tree: Tree, depth: number, roll: Dice): Tree {
  let outer = tree
  for (let level = 0; level < depth; level++) outer = roll(2) === 0 ? [outer] : { a: outer }
  return outer
}

function isMap(tree: Tree): tree is { readonly [name: string]: Tree } {
  return typeof tree === "object" && tree !== null && !Array.isArray(tree) && !(tree instanceof Uint8Array)
}
