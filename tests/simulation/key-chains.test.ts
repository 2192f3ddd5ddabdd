import { createHash } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { clusterIdOf, deriveAnchor, deriveRoot, ROOT_PATH, type RootReplacement } from "@keygrove/hierarchy"
import { decodeKeyChainHead, draftEntry, encodeEntry, entrySignBytes, verifyKeyChain } from "@keygrove/ledger"
import { decodeChainAnswer, encodeChainRequest } from "@keygrove/peering"
import { KEEPER_TICK_MS, KEY_CHAIN_REFRESH_MS } from "@keygrove/service"
import { describe, expect, test } from "vitest"
import { call, meet, Town, type Acquaintance } from "./acquaintance.ts"

/** What the keepers of these nodes do in one look. */
async function look(...people: readonly Acquaintance[]): Promise<void> {
  for (const person of people) await person.now.keeper.tick(call)
}

/** What a node answers when it is asked for a key chain. */
async function ask(asking: Acquaintance, asked: Acquaintance, cluster: Acquaintance["cluster"]): Promise<string> {
  const peer = { signingKey: asked.key, addresses: [] }
  const answered = await asking.now.transport.request(peer, "chain", encodeChainRequest({ cluster, from: 0 }), call)
  if (!answered.ok) return answered.code
  const answer = unwrap(decodeChainAnswer(answered.value))
  return answer.kind === "slice" ? answer.kind : answer.code
}

/** The root of the cluster of a name, for what only a root signs. */
function rootOf(name: string): { readonly key: Uint8Array; sign(message: Uint8Array): Uint8Array } {
  const derive = (): Secret => {
    using seed = Secret.take(new Uint8Array(createHash("sha512").update(name).digest()))
    return deriveRoot(nativePrimitives, seed)
  }
  using root = derive()
  const { publicKey } = deriveAnchor(nativePrimitives, root)
  return {
    key: publicKey,
    sign: (message) => {
      using again = derive()
      const { seed } = deriveAnchor(nativePrimitives, again)
      using anchor = seed
      return nativePrimitives.ed25519.sign(anchor, message)
    },
  }
}

/** The entry by which the root of one named cluster steps down for that of another. */
function steppingDown(name: string, successor: string): Uint8Array {
  const [root, next] = [rootOf(name), rootOf(successor)]
  const body: RootReplacement = { successor: clusterIdOf(nativePrimitives, next.key), anchorKey: next.key }
  const author = { cluster: clusterIdOf(nativePrimitives, root.key), path: ROOT_PATH, key: root.key }
  const draft = draftEntry({ kind: "root-replaced", body }, author)
  return encodeEntry({ ...draft, signature: root.sign(entrySignBytes(draft)) })
}

describe("when two nodes have met", () => {
  test("every node of both clusters knows every node of the other", async () => {
    await using town = new Town()
    const [annsLedger, bobsLedger] = [town.ledger(), town.ledger()]
    const [laptop, phone] = [await town.settle("ann", "laptop", annsLedger), await town.settle("ann", "phone", annsLedger)]
    const [server, pi] = [await town.settle("bob", "server", bobsLedger), await town.settle("bob", "pi", bobsLedger)]
    await meet(town, laptop, server)
    await town.until(() => phone.trustIn(server.cluster) !== undefined && pi.trustIn(laptop.cluster) !== undefined)
    expect(phone.trustIn(server.cluster)?.state).toBe("unverified")
    await look(phone, pi)
    for (const own of [laptop, phone])
      for (const other of [server, pi]) {
        expect(own.now.keyChains.find(other.key)).toMatchObject({ relation: "trusted", node: { cluster: server.cluster } })
        expect(other.now.keyChains.find(own.key)).toMatchObject({ relation: "trusted", node: { cluster: laptop.cluster } })
      }
    expect(phone.trustIn(server.cluster)).toMatchObject({ state: "current", nodes: 2 })
    expect(town.faults).toEqual([])
  })

  test("a node that was away learns it from the ledger and the node that was met, when it is back", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const [laptop, phone] = [await town.settle("ann", "laptop", ledger), await town.settle("ann", "phone", ledger)]
    const server = await town.settle("bob", "server")
    await phone.stop()
    await meet(town, laptop, server)
    await laptop.stop()
    await phone.start()
    await look(phone)
    expect(phone.trustIn(server.cluster)).toMatchObject({ state: "current", nodes: 1 })
  })

  test("or from a node of its own cluster, when nobody of the other is there", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const [laptop, phone] = [await town.settle("ann", "laptop", ledger), await town.settle("ann", "phone", ledger)]
    const server = await town.settle("bob", "server")
    await meet(town, laptop, server)
    await server.stop()
    await town.until(() => phone.trustIn(server.cluster) !== undefined)
    await look(phone)
    expect(phone.trustIn(server.cluster)).toMatchObject({ state: "current" })
    expect(phone.now.keyChains.find(server.key)?.relation).toBe("trusted")
  })

  test("a node that came later introduces itself by its cluster's key chain", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop", ledger)
    const server = await town.settle("bob", "server")
    await meet(town, laptop, server)
    const tablet = await town.settle("ann", "tablet", ledger)
    expect(server.now.keyChains.find(tablet.key)).toBeUndefined()
    expect(await ask(tablet, server, server.cluster)).toBe("PEER_UNKNOWN")
    await laptop.stop()
    await look(tablet)
    expect(server.now.keyChains.find(tablet.key)).toMatchObject({ relation: "trusted", node: { path: "/tablet" } })
    expect(tablet.trustIn(server.cluster)).toMatchObject({ state: "current" })
  })

  test("what is new of the other cluster is learned when a line opens, and every hour", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server", ledger)
    await meet(town, laptop, server)
    await look(laptop)
    const pi = await town.settle("bob", "pi", ledger)
    await look(laptop)
    expect(laptop.now.keyChains.find(pi.key)).toBeUndefined()
    await town.clock.advance(KEY_CHAIN_REFRESH_MS)
    await look(laptop)
    expect(laptop.now.keyChains.find(pi.key)?.relation).toBe("trusted")
    const nas = await town.settle("bob", "nas", ledger)
    for (const isThere of [false, true]) {
      for (const { key } of [server, pi, nas]) town.network.setReachable(key, isThere)
      await look(laptop)
    }
    expect(laptop.now.keyChains.find(nas.key)?.relation).toBe("trusted")
  })

  test("what is new of this cluster is told to the other at once", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server", ledger)
    await meet(town, laptop, server)
    await look(server)
    const pi = await town.settle("bob", "pi", ledger)
    await town.until(() => server.now.replica.head.length === pi.now.replica.head.length)
    await look(server)
    expect(laptop.now.keyChains.find(pi.key)).toMatchObject({ relation: "trusted", node: { path: "/pi" } })
  })

  test("when a cluster was seen is remembered, over restarts too", async () => {
    await using town = new Town()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server")
    await meet(town, laptop, server)
    expect(laptop.trustIn(server.cluster)?.lastSeen).toBeUndefined()
    await look(laptop)
    const seen = town.clock.now()
    expect(laptop.trustIn(server.cluster)?.lastSeen).toBe(seen)
    await server.stop()
    await town.clock.advance(KEEPER_TICK_MS)
    await laptop.restart()
    await look(laptop)
    expect(laptop.trustIn(server.cluster)).toMatchObject({ lastSeen: seen, state: "current", nodes: 1 })
  })
})

describe("who is given a key chain", () => {
  test("own nodes get all, nodes of trusted clusters this cluster's, strangers none", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const [laptop, phone] = [await town.settle("ann", "laptop", ledger), await town.settle("ann", "phone", ledger)]
    const [server, eve] = [await town.settle("bob", "server"), await town.settle("eve", "pi")]
    await meet(town, laptop, server)
    for (const cluster of [laptop.cluster, server.cluster]) expect(await ask(phone, laptop, cluster)).toBe("slice")
    expect(await ask(server, laptop, laptop.cluster)).toBe("slice")
    for (const cluster of [server.cluster, eve.cluster]) expect(await ask(server, laptop, cluster)).toBe("CHAIN_NOT_SERVED")
    for (const cluster of [laptop.cluster, server.cluster]) expect(await ask(eve, laptop, cluster)).toBe("PEER_UNKNOWN")
  })

  test("a stranger on the same ledger gets none either", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const [laptop, eve] = [await town.settle("ann", "laptop", ledger), await town.settle("eve", "pi", ledger)]
    expect(await ask(eve, laptop, laptop.cluster)).toBe("CHAIN_NOT_SERVED")
  })

  test("a child verifies its own cluster's key chain from the root's anchor, which its own identity names", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    await town.settle("ann", "laptop", ledger)
    const phone = await town.settle("ann", "phone", ledger)
    const own = unwrap(await phone.now.keyChains.own.head(call))
    const entries = unwrap(await phone.now.keyChains.own.entries(0, own.length, call))
    const root = phone.now.replica.state.clusters.get(phone.cluster)?.nodes.get(ROOT_PATH)?.anchorKey ?? new Uint8Array(32)
    expect(clusterIdOf(nativePrimitives, root)).toBe(phone.now.keystore.identity().cluster)
    const verified = unwrap(verifyKeyChain(nativePrimitives, root, { entries, head: unwrap(decodeKeyChainHead(own.head)) }))
    expect([...verified.members.nodes.values()].map(({ path }) => path).toSorted()).toEqual(["/", "/laptop", "/phone"])
  })
})

describe("what was seen once", () => {
  test("is kept against a node that shows less, or another history, and a person is told", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server", ledger)
    const pi = await town.settle("bob", "pi", ledger)
    await meet(town, laptop, server)
    const before = laptop.trustIn(server.cluster)?.keyChain
    await pi.stop()
    for (const [shown, code] of [
      ["nothing more", "KEY_CHAIN_TRUNCATED"],
      ["another node", "KEY_CHAIN_FORKED"],
    ] as const) {
      await town.clock.advance(KEY_CHAIN_REFRESH_MS)
      // The same node, from a backup of before: its ledger has the beginning, and then something else.
      await server.stop()
      const other = town.ledger()
      const restored = await town.settle("bob", "server", other)
      await meetAgain(restored, laptop)
      if (shown === "another node") await town.settle("bob", "nas", other)
      await look(laptop)
      expect(laptop.now.keeper.warnings()).toMatchObject([expect.stringContaining(code)])
      expect(laptop.trustIn(server.cluster)?.keyChain).toEqual(before)
      await restored.stop()
      await server.start()
    }
  })

  test("a damaged copy is found when the node starts, and fetched again", async () => {
    await using town = new Town()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server")
    await meet(town, laptop, server)
    await laptop.stop()
    const key = `${server.cluster}/00000000`
    unwrap(await laptop.disk.write([{ kind: "put", collection: "key-chain", key, value: { entries: [new Uint8Array(100)] } }], call))
    await laptop.start()
    expect(laptop.now.keyChains.broken).toEqual([server.cluster])
    expect(laptop.trustIn(server.cluster)?.state).toBe("unverified")
    await look(laptop)
    expect(laptop.trustIn(server.cluster)?.state).toBe("current")
  })

  test("is forgotten, with the nickname, when the trust ends", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const [laptop, phone] = [await town.settle("ann", "laptop", ledger), await town.settle("ann", "phone", ledger)]
    const server = await town.settle("bob", "server")
    await meet(town, laptop, server)
    await town.until(() => phone.trustIn(server.cluster) !== undefined)
    await look(phone)
    unwrap(await phone.now.trusted.rename(server.cluster.slice(0, 12), "Bob", call))
    unwrap(await laptop.now.trusted.remove(server.cluster, call))
    await town.until(() => phone.trustIn(server.cluster) === undefined)
    await look(phone)
    expect([phone.now.keyChains.hasCopy(server.cluster), phone.now.book.clusters()]).toEqual([false, []])
    expect(unwrap(await phone.disk.list("key-chain", { limit: 10 }, call))).toEqual([])
    expect(phone.now.trusted.resolve("Bob")).toMatchObject({ code: "CLUSTER_NOT_TRUSTED" })
  })
})

describe("a root that stepped down", () => {
  test("leaves a stale trust until people meet again, which carries the name over", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop")
    const server = await town.settle("bob", "server", ledger)
    await meet(town, laptop, server)
    unwrap(await laptop.now.trusted.rename(server.cluster, "bob", call))
    expect(unwrap(laptop.now.trusted.resolveNode("bob")).path).toBe("/server")
    const renewed = await town.settle("bob the second", "server", ledger)
    unwrap(await server.now.replica.appendEntries([steppingDown("bob", "bob the second")], call))
    // A node of the old root says so itself, while it is one.
    await look(server)
    expect(laptop.trustIn(server.cluster)).toMatchObject({ state: "stale", nickname: "bob" })
    expect(laptop.now.keyChains.find(server.key)?.relation).toBe("stale")
    expect(laptop.now.trusted.resolveNode("bob")).toMatchObject({ code: "NODE_UNKNOWN" })
    // The old root's node cannot be met any more.
    expect(await server.now.meetings.start(call)).toMatchObject({ code: "MEETING_ROOT_REPLACED" })
    await meet(town, laptop, renewed)
    expect(laptop.now.trusted.list()).toMatchObject([{ nickname: "bob", state: "current", trust: { cluster: renewed.cluster } }])
    expect(laptop.now.keyChains.find(server.key)).toBeUndefined()
  })
})

describe("nicknames", () => {
  test("are one cluster's each, are no ids, and say which node is meant where there are several", async () => {
    await using town = new Town()
    const ledger = town.ledger()
    const laptop = await town.settle("ann", "laptop")
    const [server, eve] = [await town.settle("bob", "server", ledger), await town.settle("eve", "pi")]
    await town.settle("bob", "phone", ledger)
    await meet(town, laptop, server)
    await meet(town, laptop, eve)
    const { trusted } = laptop.now
    unwrap(await trusted.rename(server.cluster, "Bob", call))
    expect(await trusted.rename(eve.cluster, "bOB", call)).toMatchObject({ code: "NICKNAME_TAKEN" })
    for (const wrong of ["", "bob/phone", "kg1abc", "deadbeef", "a\u0000b", "x".repeat(33), " - ", "a\u202Eb"])
      expect(await trusted.rename(eve.cluster, wrong, call)).toMatchObject({ code: "NICKNAME_INVALID" })
    expect(trusted.resolveNode("bob")).toMatchObject({ code: "NODE_UNKNOWN", message: expect.stringContaining("/phone") })
    expect(unwrap(trusted.resolveNode("bob/phone")).path).toBe("/phone")
    expect(unwrap(trusted.resolve(eve.cluster.slice(0, 8))).cluster).toBe(eve.cluster)
    expect(trusted.resolve(eve.cluster.slice(0, 7))).toMatchObject({ code: "CLUSTER_NOT_TRUSTED" })
  })
})

/** Has a node trust another's cluster on its ledger as an earlier meeting would have, with that cluster's key chain. */
async function meetAgain(node: Acquaintance, other: Acquaintance): Promise<void> {
  const anchorKey = other.now.replica.state.clusters.get(other.cluster)?.nodes.get(ROOT_PATH)?.anchorKey ?? new Uint8Array(32)
  const contact = { signingKey: other.key, addresses: [...other.now.transport.addresses()] }
  await node.trust({ cluster: other.cluster, anchorKey, revision: 1, contact })
  // It may ask, as other's copy of its key chain says that it is a node.
  unwrap(await node.now.keyChains.refresh({ cluster: other.cluster, anchorKey }, { signingKey: other.key, addresses: [] }, call))
}
