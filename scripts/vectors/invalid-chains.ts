import {
  byAnchor,
  bySigningKey,
  cbor,
  certificate,
  childOf,
  entry,
  order,
  rekey,
  rekeyBody,
  replacement,
  revocation,
  signedHead,
  announcement,
  type Author,
} from "./chain-writer.ts"
import {
  alice,
  announced,
  bob,
  byLaptop,
  byRoot,
  byServer,
  carol,
  family,
  joined,
  laptop,
  laptop2,
  phone,
  seen,
  server,
  watch,
  withLaptop,
  withPhone,
  withServer,
  type ChainCase,
} from "./chain-family.ts"
import { epochOf } from "./derivation.ts"

function refused(
  name: string,
  entries: readonly Uint8Array[],
  code: string,
  more: { readonly index?: number; readonly reason?: string; readonly by?: Author } = {},
): ChainCase {
  const { by = byRoot, ...details } = more
  return { name, entries, head: signedHead(entries, by), expected: { code, ...details } }
}

/** One more entry without effect. */
function idle(name: string, before: readonly Uint8Array[], last: Uint8Array, reason: string): ChainCase {
  return refused(name, [...before, last], "KEY_CHAIN_ENTRY_VOID", { index: before.length, reason })
}

/** One more entry that is none. */
function malformed(name: string, last: Uint8Array): ChainCase {
  return refused(name, [...withLaptop, last], "KEY_CHAIN_ENTRY_INVALID", { index: withLaptop.length })
}

const good = certificate(alice, server)
const flipped = (at: number): Uint8Array => good.map((byte, index) => (index === (at + good.length) % good.length ? byte ^ 1 : byte))
const nodeBody = { path: "/server", generation: 1, anchorKey: server.anchor.key }
const revokedLaptop = revocation(alice, laptop)
const replaced = [...withServer, replacement(alice, carol)]
const strangersKeys = epochOf(server.secret, 1).keys
const aliceEpoch2 = bySigningKey(laptop, 2)
const bobsLaptop = childOf(bob, "laptop")

const malformedChains: readonly ChainCase[] = [
  malformed("an empty entry", new Uint8Array(0)),
  malformed("an entry that is cut off", good.subarray(0, -1)),
  malformed("an entry with a byte too many", Uint8Array.of(...good, 0)),
  malformed("a flipped bit in a signature", flipped(-1)),
  malformed("a flipped bit in a body", flipped(good.indexOf(server.anchor.key[0] ?? 0, 20))),
  malformed("a length that is not in its shortest form", Uint8Array.of(0xb8, 8, ...good.subarray(1))),
  malformed("a map with other fields", cbor({ path: "/server", v: 1 })),
  malformed("a signature by another key", entry("node", nodeBody, { ...byRoot, signer: { seed: bob.anchor.seed, key: alice.anchor.key } })),
  malformed("a path in capitals", entry("node", { ...nodeBody, path: "/Server" }, byRoot)),
  malformed("a path with an empty name", entry("node", { ...nodeBody, path: "//server" }, byRoot)),
  malformed("a path of nine names", entry("node", { ...nodeBody, path: "/a/b/c/d/e/f/g/h/i" }, byRoot)),
  malformed("generation 0", entry("node", { ...nodeBody, generation: 0 }, byRoot)),
  malformed("a generation beyond 32 bits", entry("node", { ...nodeBody, generation: 4_294_967_296 }, byRoot)),
  malformed("an anchor of 31 bytes", entry("node", { ...nodeBody, anchorKey: server.anchor.key.subarray(1) }, byRoot)),
  malformed("a body with a field too many", entry("node", { ...nodeBody, note: "x" }, byRoot)),
  malformed("a body without its path", entry("node", { generation: 1, anchorKey: server.anchor.key }, byRoot)),
  malformed("a statement in the wrong scope", entry("node", nodeBody, byRoot, "network")),
  malformed("a revocation for no known reason", entry("node-revoked", { path: "/laptop", generation: 1, reason: "bored" }, byRoot)),
  malformed("isLast that is false", entry("node-revoked", { path: "/laptop", generation: 1, reason: "retired", isLast: false }, byRoot)),
]

const foreignChains: readonly ChainCase[] = [
  refused("another root's chain", [announcement(bob)], "KEY_CHAIN_ROOT_WRONG", { index: 0, by: byAnchor(bob) }),
  refused("no announcement at its beginning", withLaptop.slice(1), "KEY_CHAIN_ROOT_WRONG", { index: 0, by: byLaptop }),
  refused("no entries at all", [], "KEY_CHAIN_ROOT_WRONG"),
  refused("an entry of another cluster", [...withLaptop, announcement(bob)], "KEY_CHAIN_ENTRY_FOREIGN", { index: 3 }),
  refused("a node of another cluster", [...withLaptop, certificate(bob, bobsLaptop)], "KEY_CHAIN_ENTRY_FOREIGN", { index: 3 }),
  refused(
    "a statement that is not about nodes",
    [...withLaptop, entry("policy-revoked", { policyId: new Uint8Array(32) }, byLaptop, "network")],
    "KEY_CHAIN_ENTRY_FOREIGN",
    { index: 3 },
  ),
  refused(
    "a statement of trust",
    [...withLaptop, entry("trust", { cluster: bob.cluster, anchorKey: bob.anchor.key, revision: 1 }, byLaptop)],
    "KEY_CHAIN_ENTRY_FOREIGN",
    { index: 3 },
  ),
  refused("a kind that nobody knows", [...withLaptop, entry("crown", { path: "/laptop" }, byRoot)], "KEY_CHAIN_ENTRY_FOREIGN", {
    index: 3,
  }),
]

const voidChains: readonly ChainCase[] = [
  idle("a second announcement", withLaptop, announced, "CLUSTER_DUPLICATE"),
  idle("a certificate again", withLaptop, certificate(alice, laptop), "NODE_GENERATION_STALE"),
  idle("a certificate by the grandparent", withServer, certificate(alice, phone), "NODE_NOT_A_CHILD"),
  idle("a certificate by a sibling", withServer, certificate(server, phone), "NODE_NOT_A_CHILD"),
  idle("a certificate by the node itself", withServer, certificate(laptop, laptop2), "NODE_NOT_A_CHILD"),
  idle(
    "a certificate by a signing key",
    withLaptop,
    entry("node", { path: phone.path, generation: 1, anchorKey: phone.anchor.key }, byLaptop),
    "AUTHOR_KEY_WRONG",
  ),
  idle("a certificate by a node that nobody certified", withLaptop, certificate(phone, watch), "AUTHOR_UNKNOWN"),
  idle("a generation that went by", [...withServer, ...joined(alice, laptop2)], certificate(alice, laptop), "NODE_GENERATION_STALE"),
  idle("a revoked generation again", [...withServer, revokedLaptop], certificate(alice, laptop), "NODE_GENERATION_STALE"),
  idle(
    "an anchor that was certified before",
    [...withServer, revokedLaptop],
    entry("node", { path: "/other", generation: 1, anchorKey: laptop.anchor.key }, byRoot),
    "ANCHOR_KEY_REUSED",
  ),
  idle(
    "the root's own anchor as a node",
    withLaptop,
    entry("node", { path: "/other", generation: 1, anchorKey: alice.anchor.key }, byRoot),
    "ANCHOR_KEY_REUSED",
  ),
  idle(
    "the anchor of a replaced parent",
    [...withPhone, ...joined(alice, laptop2)],
    certificate(laptop, childOf(laptop, "tablet")),
    "AUTHOR_KEY_WRONG",
  ),
  idle(
    "a child's generation that its replaced parent had certified",
    [...withPhone, ...joined(alice, laptop2)],
    certificate(laptop2, childOf(laptop2, "phone")),
    "NODE_GENERATION_STALE",
  ),
  idle("a rekey that leaves an epoch out", withLaptop, rekey(laptop, 3), "REKEY_EPOCH_WRONG"),
  idle("a rekey again", withLaptop, rekey(laptop, 1), "REKEY_EPOCH_WRONG"),
  idle("a rekey that follows another", withLaptop, rekey(laptop, 2, { previous: new Uint8Array(32) }), "REKEY_PREVIOUS_WRONG"),
  idle("a rekey of another generation", withLaptop, rekey(laptop, 2, { generation: 2 }), "REKEY_GENERATION_WRONG"),
  idle("a rekey that proves nothing", withLaptop, rekey(laptop, 2, { possession: new Uint8Array(64) }), "REKEY_POSSESSION_UNPROVED"),
  idle("a rekey to a key that another node has", withServer, rekey(laptop, 2, { keys: strangersKeys }), "REKEY_KEY_REUSED"),
  idle("a rekey back to the first key", [...withLaptop, rekey(laptop, 2)], backToFirst(), "REKEY_KEY_REUSED"),
  idle("a rekey by the signing key", withLaptop, rekey(laptop, 2, { author: byLaptop }), "AUTHOR_KEY_WRONG"),
  idle("a rekey by the parent", withLaptop, entry("rekey", rekeyBody(laptop, 2), { ...byRoot, path: "/laptop" }), "AUTHOR_KEY_WRONG"),
  idle("a rekey after the revocation", [...withServer, revokedLaptop], rekey(laptop, 2), "AUTHOR_UNKNOWN"),
  idle("a rekey below a revoked node", [...family, revokedLaptop], rekey(watch, 2), "AUTHOR_UNKNOWN"),
  idle("a rekey before its certificate", [announced], rekey(laptop, 1), "AUTHOR_UNKNOWN"),
  idle("a revocation by a sibling", withServer, revocation(server, laptop), "NODE_NOT_BELOW"),
  idle("a revocation by a child", withPhone, revocation(phone, laptop), "NODE_NOT_BELOW"),
  idle("a revocation by the node itself", withServer, revocation(laptop, laptop), "NODE_NOT_BELOW"),
  idle(
    "a revocation by a signing key",
    withPhone,
    entry("node-revoked", { path: phone.path, generation: 1, reason: "retired" }, byLaptop),
    "AUTHOR_KEY_WRONG",
  ),
  idle("a revocation again", [...withServer, revokedLaptop], revokedLaptop, "NODE_UNKNOWN"),
  idle(
    "an old revocation of a node that came back",
    [...withServer, revokedLaptop, ...joined(alice, laptop2)],
    revokedLaptop,
    "NODE_GENERATION_STALE",
  ),
  idle("the last node, and nobody says that it is meant", withLaptop, revokedLaptop, "NODE_LAST"),
  idle("an order to rekey by a sibling", withServer, order(server, laptop, 2), "NODE_NOT_BELOW"),
  idle("an order for an epoch that was reached", withServer, order(alice, laptop, 1), "REKEY_ORDER_STALE"),
  idle("an order to rekey again", [...withServer, order(alice, laptop, 2)], order(alice, laptop, 2), "REKEY_ORDER_STALE"),
  idle("a node after the root stepped down", replaced, certificate(alice, childOf(alice, "new")), "CLUSTER_REPLACED"),
  idle("a rekey after the root stepped down", replaced, rekey(laptop, 2), "CLUSTER_REPLACED"),
  idle("a second replacement of the root", replaced, replacement(alice, bob), "CLUSTER_REPLACED"),
  idle("a root replaced by itself", withServer, replacement(alice, alice), "ROOT_SUCCESSOR_WRONG"),
  idle(
    "a successor whose id is not its fingerprint",
    withServer,
    entry("root-replaced", { successor: carol.cluster, anchorKey: bob.anchor.key }, byRoot),
    "ROOT_SUCCESSOR_WRONG",
  ),
  idle(
    "a root replaced by a node",
    withServer,
    entry("root-replaced", { successor: carol.cluster, anchorKey: carol.anchor.key }, byAnchor(laptop)),
    "AUTHOR_KEY_WRONG",
  ),
]

const headChains: readonly ChainCase[] = [
  { ...refused("a chain that was cut off", withServer, "KEY_CHAIN_HEAD_WRONG"), entries: withServer.slice(0, -1) },
  { ...refused("a revocation that was cut off", [...withServer, revokedLaptop], "KEY_CHAIN_HEAD_WRONG"), entries: withServer },
  {
    ...refused("entries that changed places", withServer, "KEY_CHAIN_HEAD_WRONG"),
    entries: [announced, ...joined(alice, server), ...joined(alice, laptop)],
  },
  {
    ...refused("an entry that was exchanged for another", [...withServer, revokedLaptop], "KEY_CHAIN_HEAD_WRONG"),
    entries: [...withServer, revocation(alice, laptop, { reason: "retired" })],
  },
  { ...refused("an entry that was added", withServer, "KEY_CHAIN_HEAD_WRONG"), entries: [...withServer, rekey(server, 2)] },
  {
    ...refused("an entry that was left out", family, "KEY_CHAIN_HEAD_WRONG"),
    entries: family.filter((_, index) => index < 3 || index > 4),
  },
  { ...refused("a head whose signature is broken", withServer, "KEY_CHAIN_HEAD_INVALID"), head: brokenHead() },
  refused("a head signed by a revoked node", [...withServer, revokedLaptop], "KEY_CHAIN_SIGNER_UNKNOWN", { by: byLaptop }),
  refused("a head signed by a key of an earlier epoch", [...withServer, rekey(laptop, 2)], "KEY_CHAIN_SIGNER_UNKNOWN", { by: byLaptop }),
  refused("a head signed by a key of a later epoch", withServer, "KEY_CHAIN_SIGNER_UNKNOWN", { by: aliceEpoch2 }),
  refused("a head signed by the anchor of a node", withServer, "KEY_CHAIN_SIGNER_UNKNOWN", { by: byAnchor(laptop) }),
  refused("a head signed by a node without keys", [...withServer, certificate(laptop, phone)], "KEY_CHAIN_SIGNER_UNKNOWN", {
    by: bySigningKey(phone, 1),
  }),
  refused("a head signed by another cluster", withServer, "KEY_CHAIN_SIGNER_UNKNOWN", { by: byAnchor(bob) }),
  { ...refused("less than before", withServer, "KEY_CHAIN_TRUNCATED", { by: byServer }), known: seen(family) },
  {
    ...refused("a revocation that was seen before", withServer, "KEY_CHAIN_TRUNCATED", { by: byLaptop }),
    known: seen([...withServer, revokedLaptop]),
  },
  {
    ...refused("another history than before", [...withServer, rekey(server, 2)], "KEY_CHAIN_FORKED"),
    known: seen([...withServer, revokedLaptop]),
  },
]

/** The keys of epoch 1 under the number 3, properly chained and proved. */
function backToFirst(): Uint8Array {
  const { keys } = epochOf(laptop.secret, 1)
  return rekey(laptop, 3, { keys })
}

function brokenHead(): Uint8Array {
  const head = signedHead(withServer, byRoot)
  return head.with(head.length - 1, (head.at(-1) ?? 0) ^ 1)
}

/** Chains that are not to be believed. */
export const invalidChains: readonly ChainCase[] = [...malformedChains, ...foreignChains, ...voidChains, ...headChains]
