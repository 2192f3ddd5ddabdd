import {
  bySigningKey,
  certificate,
  childOf,
  order,
  rekey,
  replacement,
  revocation,
  sha256,
  signedHead,
  type Author,
  type Member,
} from "./chain-writer.ts"
import {
  alice,
  announced,
  byLaptop,
  byRoot,
  byServer,
  carol,
  family,
  joined,
  laptop,
  laptop2,
  laptopOld,
  phone,
  seen,
  server,
  watch,
  withLaptop,
  withPhone,
  withServer,
  type ChainCase,
} from "./chain-family.ts"

type Nodes = Readonly<Record<string, readonly [number, number]>>

const first = [1, 1] as const
const familyNodes: Nodes = { "/laptop": first, "/laptop/phone": first, "/laptop/phone/watch": first, "/server": first }

function valid(name: string, entries: readonly Uint8Array[], by: Author, nodes: Nodes): ChainCase {
  return { name, entries, head: signedHead(entries, by), expected: { nodes } }
}

function deepest(): readonly Member[] {
  const members: Member[] = []
  for (const name of ["a", "b", "c", "d", "e", "f", "g", "h"]) members.push(childOf(members.at(-1) ?? alice, name))
  return members
}

const deep = deepest()
const revokedLaptop = revocation(alice, laptop)
const epochs = [2, 3, 4, 5].map((epoch) => rekey(laptop, epoch))
const late = childOf(alice, "laptop", 4_294_967_295)
const longName = childOf(alice, "a-name-of-32-characters-0123-xyz")
const phone2 = childOf(laptop2, "phone", 2)

/** Chains that are to be believed. */
export const validChains: readonly ChainCase[] = [
  valid("a root alone", [announced], byRoot, {}),
  valid("a node without keys yet", [announced, certificate(alice, laptop)], byRoot, { "/laptop": [1, 0] }),
  valid("one node, signed by itself", withLaptop, byLaptop, { "/laptop": first }),
  valid("one node, signed by the root", withLaptop, byRoot, { "/laptop": first }),
  valid("one node after a rekey", [...withLaptop, rekey(laptop, 2)], bySigningKey(laptop, 2), { "/laptop": [1, 2] }),
  valid("one node after four rekeys", [...withLaptop, ...epochs], bySigningKey(laptop, 5), { "/laptop": [1, 5] }),
  valid("two nodes below the root", withServer, byServer, { "/laptop": first, "/server": first }),
  valid("a child", withPhone, bySigningKey(phone, 1), { "/laptop": first, "/laptop/phone": first, "/server": first }),
  valid("a grandchild", family, byLaptop, familyNodes),
  valid(
    "eight levels",
    [announced, ...deep.flatMap((member, depth) => joined(deep[depth - 1] ?? alice, member))],
    bySigningKey(deep[7] ?? alice, 1),
    Object.fromEntries(deep.map(({ path }) => [path, first])),
  ),
  valid("a name of 32 characters", [announced, ...joined(alice, longName)], byRoot, { [longName.path]: first }),
  valid("neighbours of which one is the beginning of the other", [...withPhone, ...joined(alice, laptopOld), revokedLaptop], byServer, {
    "/laptop-old": first,
    "/server": first,
  }),
  valid("a replaced node", [...withServer, ...joined(alice, laptop2)], bySigningKey(laptop2, 1), { "/laptop": [2, 1], "/server": first }),
  valid("a replaced node without keys yet", [...withServer, certificate(alice, laptop2)], byServer, {
    "/laptop": [2, 0],
    "/server": first,
  }),
  valid("generations may leave gaps", [announced, ...joined(alice, late)], byRoot, { "/laptop": [4_294_967_295, 1] }),
  valid("a replaced node takes its children along", [...family, ...joined(alice, laptop2)], byServer, {
    "/laptop": [2, 1],
    "/server": first,
  }),
  valid(
    "a child of a replaced node with a higher generation",
    [...withPhone, ...joined(alice, laptop2), ...joined(laptop2, phone2)],
    byServer,
    {
      "/laptop": [2, 1],
      "/laptop/phone": [2, 1],
      "/server": first,
    },
  ),
  valid("a compromised node", [...withServer, revokedLaptop], byServer, { "/server": first }),
  valid("a retired node", [...withServer, revocation(alice, laptop, { reason: "retired" })], byServer, { "/server": first }),
  valid("a revoked node takes all below it along", [...family, revokedLaptop], byServer, { "/server": first }),
  valid("a child revoked by its parent", [...withPhone, revocation(laptop, phone)], byLaptop, { "/laptop": first, "/server": first }),
  valid("a grandchild revoked by the root", [...family, revocation(alice, watch)], byLaptop, {
    "/laptop": first,
    "/laptop/phone": first,
    "/server": first,
  }),
  valid(
    "a revocation that names the last good entry",
    [...withServer, revocation(alice, laptop, { lastGood: { origin: sha256(announced), index: 3 } })],
    byServer,
    { "/server": first },
  ),
  valid("the last node, and it is meant", [...withLaptop, revocation(alice, laptop, { isLast: true })], byRoot, {}),
  valid("a revoked node that came back", [...withServer, revokedLaptop, ...joined(alice, laptop2)], bySigningKey(laptop2, 1), {
    "/laptop": [2, 1],
    "/server": first,
  }),
  valid("an order to rekey that is owed", [...withPhone, order(alice, phone, 2)], byLaptop, {
    "/laptop": first,
    "/laptop/phone": first,
    "/server": first,
  }),
  valid("an order to rekey that was paid", [...withPhone, order(laptop, phone, 2), rekey(phone, 2)], byLaptop, {
    "/laptop": first,
    "/laptop/phone": [1, 2],
    "/server": first,
  }),
  valid("a second, higher order to rekey", [...withPhone, order(laptop, phone, 2), order(alice, phone, 3)], byLaptop, {
    "/laptop": first,
    "/laptop/phone": first,
    "/server": first,
  }),
  {
    ...valid("a root that stepped down", [...withServer, replacement(alice, carol)], byServer, {}),
    expected: { nodes: { "/laptop": first, "/server": first }, replaced: true },
  },
  {
    ...valid("a revocation after the root stepped down", [...withServer, replacement(alice, carol), revokedLaptop], byServer, {}),
    expected: { nodes: { "/server": first }, replaced: true },
  },
  { ...valid("the same chain as before", family, byLaptop, familyNodes), known: seen(family) },
  { ...valid("more than before", family, byLaptop, familyNodes), known: seen(withServer) },
  { ...valid("nothing was seen before", family, byLaptop, familyNodes), known: seen([]) },
  valid("a server that was there first", [announced, ...joined(alice, server), ...joined(alice, laptop)], byServer, {
    "/laptop": first,
    "/server": first,
  }),
]
