import { toHex, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { ClusterId } from "@keygrove/hierarchy"
import { decodeLedgerIndex, emptyHead, type LedgerIndex } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryNetwork, SimulatedClock, type MemoryTransport } from "@keygrove/memory"
import { decodeJoinAnswer, decodeLedgerAnswer, encodeLedgerRequest, type LedgerRequest } from "@keygrove/peering"
import {
  followHost,
  joinLedger,
  LATE_KEY_MS,
  LINE_END_MS,
  LedgerReplica,
  PeerGuard,
  serveJoin,
  serveLedger,
  type AdmittedPeers,
} from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { describe, expect, test, vi } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
  trustEntry,
  trustRemovedEntry,
  type KitNode,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const WAIT_MS = 60_000
const at = (index: number): LedgerIndex => unwrap(decodeLedgerIndex(index))
const keyOf = (node: KitNode, epoch = 1): Uint8Array => kitKey(signingName(node, epoch))
const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.code)
const body = Uint8Array.of(1)

const root = kitRoot("alice")
const host = kitChild(root, "/host")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(laptop, "/laptop/phone")
const otherRoot = kitRoot("bob")
const desktop = kitChild(otherRoot, "/desktop")
const founding = (top: KitNode, node: KitNode): readonly Uint8Array[] => [clusterEntry(top), nodeEntry(top, node), rekeyEntry(node, 1)]
const own = [...founding(root, host), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]

/** The node `/host` with a guard before its ledger and its protocol `proxy`. */
interface World extends AsyncDisposable {
  readonly clock: SimulatedClock
  readonly network: MemoryNetwork
  readonly replica: LedgerReplica
  readonly guard: PeerGuard
  /** Who got an answer of protocol `proxy`, in hex. */
  readonly served: string[]
  write(...entries: readonly Uint8Array[]): Promise<void>
}

async function open(
  log: readonly Uint8Array[] = own,
  peers: AdmittedPeers = "ledger",
  predecessors: readonly ClusterId[] = [],
): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const clock = new SimulatedClock()
  const network = new MemoryNetwork(clock)
  const engine = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await engine.append(log, emptyHead(), call))
  const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
  const admission = { clock, own: root.cluster, predecessors, peers, replica }
  const guard = stack.use(new PeerGuard({ ...admission, transport: network.join(keyOf(host)) }))
  stack.use(serveLedger({ transport: guard, engine, clock: systemClock, replica }))
  stack.use(serveJoin({ ...admission, transport: guard, primitives: kitPrimitives, onEnded: (key, at) => guard.letRead(key, at) }))
  const served: string[] = []
  guard.serve("proxy", async ({ body: asked, from }) => {
    served.push(toHex(from))
    return asked
  })
  const owned = stack.move()
  return {
    clock,
    network,
    replica,
    guard,
    served,
    write: async (...entries) => {
      unwrap(await replica.appendEntries(entries, call))
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  }
}

const address = { signingKey: keyOf(host), addresses: [] }
const askProxy = async (from: MemoryTransport): Promise<string> => codeOf(await from.request(address, "proxy", body, call))

/** Asks the ledger as a follower does: how many entries came, `head`, or the code of the refusal. */
async function askLedger(from: MemoryTransport, request: LedgerRequest): Promise<number | string> {
  const answered = await from.request(address, "ledger", encodeLedgerRequest(request), call)
  if (!answered.ok) return answered.code
  const answer = unwrap(decodeLedgerAnswer(answered.value))
  return answer.kind === "slice" ? answer.entries.length : answer.kind === "refused" ? answer.code : answer.kind
}

const head = { op: "head" } as const
const read = (from: number, limit = 256): LedgerRequest => ({ op: "read", from: at(from), limit })
const wait = (length: number): LedgerRequest => ({ op: "wait", length: at(length), timeoutMs: 0 })
const append = (world: World): LedgerRequest => ({ op: "append", expected: world.replica.head, entries: [rekeyEntry(laptop, 2)] })

describe("who is answered", () => {
  test("are nodes of every cluster on the ledger, and no strangers", async () => {
    await using world = await open([...own, ...founding(otherRoot, desktop)])
    for (const node of [laptop, desktop]) {
      const peer = world.network.join(keyOf(node))
      expect(await askProxy(peer)).toBe("ok")
      expect(await askLedger(peer, head)).toBe("head")
    }
    const stranger = world.network.join(kitKey("mallory"))
    expect(await askProxy(stranger)).toBe("PEER_UNKNOWN")
    for (const request of [head, read(0), wait(0), append(world)]) expect(await askLedger(stranger, request)).toBe("PEER_UNKNOWN")
    expect(world.served).toEqual([laptop, desktop].map((node) => toHex(keyOf(node))))
  })

  test("are nodes of trusted clusters only, where the configuration says so, as long as the trust stands", async () => {
    await using world = await open([...own, ...founding(otherRoot, desktop)], "trusted")
    const [mine, theirs] = [world.network.join(keyOf(laptop)), world.network.join(keyOf(desktop))]
    expect([await askProxy(mine), await askProxy(theirs)]).toEqual(["ok", "PEER_UNKNOWN"])
    await world.write(trustEntry(host, otherRoot, 1))
    expect(await askProxy(theirs)).toBe("ok")
    await world.write(trustRemovedEntry(host, otherRoot, 2))
    expect(await askProxy(theirs)).toBe("PEER_UNKNOWN")
    await world.write(trustEntry(host, otherRoot, 3))
    expect(await askProxy(theirs)).toBe("ok")
    // Stale: its root stepped down.
    await world.write(rootReplacedEntry(otherRoot, kitRoot("bob 2")))
    expect(await askProxy(theirs)).toBe("PEER_UNKNOWN")
    expect(await askProxy(mine)).toBe("ok")
  })

  test("are nodes of the cluster that the own root stepped down for, and not of one that names this as its own successor", async () => {
    const next = kitRoot("alice 2")
    const moved = kitChild(next, "/moved")
    const strangers = [...founding(otherRoot, desktop), rootReplacedEntry(otherRoot, root)]
    await using world = await open([...own, ...founding(next, moved), ...strangers], "trusted")
    const peer = world.network.join(keyOf(moved))
    expect(await askProxy(peer)).toBe("PEER_UNKNOWN")
    await world.write(rootReplacedEntry(root, next))
    expect(await askProxy(peer)).toBe("ok")
    expect(await askProxy(world.network.join(keyOf(desktop)))).toBe("PEER_UNKNOWN")
  })

  test("are nodes of the cluster that this node was of itself, by its keystore's word", async () => {
    const before = [...founding(otherRoot, desktop), rootReplacedEntry(otherRoot, root)]
    await using world = await open([...own, ...before], "trusted", [otherRoot.cluster])
    expect(await askProxy(world.network.join(keyOf(desktop)))).toBe("ok")
  })

  test("are nodes that a key chain from elsewhere names", async () => {
    await using world = await open()
    const stranger = world.network.join(keyOf(desktop))
    expect(await askProxy(stranger)).toBe("PEER_UNKNOWN")
    world.guard.alsoKnow((key) => toHex(key) === toHex(keyOf(desktop)))
    expect(await askProxy(stranger)).toBe("ok")
  })

  test("may be known by news of the ledger, for which a follower asks, but not as often as strangers like", async () => {
    await using world = await open()
    const copy = new MemoryLedgerEngine(kitPrimitives)
    const raw = world.network.join(keyOf(laptop))
    const engine = followHost({ transport: raw, host: address, copy, clock: world.clock, primitives: kitPrimitives })
    await using replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
    unwrap(await replica.waitUntil(at(own.length), call))
    await using guard = new PeerGuard({ transport: raw, replica, clock: world.clock, own: root.cluster, predecessors: [], peers: "ledger" })
    guard.serve("proxy", async ({ body: asked }) => asked)
    const ask = async (key: Uint8Array): Promise<string> => {
      await using peer = world.network.join(key)
      return codeOf(await peer.request({ signingKey: keyOf(laptop), addresses: [] }, "proxy", body, call))
    }
    // From here on the follower sleeps until somebody makes it ask: time stands still.
    world.network.setReachable(keyOf(host), false)
    await vi.waitFor(() => expect(world.clock.sleeping).toBeGreaterThan(0), WAIT_MS)
    world.network.setReachable(keyOf(host), true)
    await world.write(...founding(otherRoot, desktop))
    expect(await ask(keyOf(desktop))).toBe("ok")
    for (let stranger = 0; stranger < 10; stranger++) expect(await ask(kitKey(`stranger ${stranger}`))).toBe("PEER_UNKNOWN")
    world.network.setReachable(keyOf(host), false)
    await vi.waitFor(() => expect(world.clock.sleeping).toBeGreaterThan(0), WAIT_MS)
    world.network.setReachable(keyOf(host), true)
    await world.write(nodeEntry(laptop, phone), rekeyEntry(phone, 1))
    expect(await ask(keyOf(phone))).toBe("PEER_UNKNOWN")
    await world.clock.advance(1_000)
    expect(await ask(keyOf(phone))).toBe("ok")
  })

  test("is decided for what this node asks too: by the key that it names, and never over a stranger's line", async () => {
    await using world = await open()
    const [stranger, mine] = [world.network.join(kitKey("mallory")), world.network.join(keyOf(laptop))]
    for (const peer of [stranger, mine]) peer.serve("ledger", async ({ from }) => from)
    await joinLedger(stranger, address, [rekeyEntry(phone, 1)], call)
    await askProxy(mine)
    const back = await world.guard.request({ signingKey: keyOf(laptop), addresses: [] }, "ledger", body, call)
    expect(toHex(unwrap(back))).toBe(toHex(keyOf(host)))
    const nobody = { signingKey: keyOf(desktop), addresses: stranger.addresses() }
    expect(await world.guard.request(nobody, "ledger", body, call)).toMatchObject({ ok: false, code: "PEER_KEY_WRONG" })
  })
})

describe("a key that has ended", () => {
  test.each([
    { name: "revoked", end: nodeRevokedEntry(root, laptop) },
    { name: "replaced", end: nodeEntry(root, kitChild(root, "/laptop", 2)) },
  ])("of a node that was $name reads of its end and nothing after it", async ({ end }) => {
    await using world = await open([...own, nodeEntry(laptop, phone), rekeyEntry(phone, 1)])
    const [gone, below] = [world.network.join(keyOf(laptop)), world.network.join(keyOf(phone))]
    expect([await askProxy(gone), await askProxy(below)]).toEqual(["ok", "ok"])
    await world.write(end)
    await world.write(...founding(otherRoot, desktop))
    for (const peer of [gone, below]) {
      expect(await askProxy(peer)).toBe("PEER_REMOVED")
      expect(await askLedger(peer, append(world))).toBe("PEER_REMOVED")
      expect(await askLedger(peer, head)).toBe("head")
      expect(await askLedger(peer, wait(7))).toBe("head")
      expect(await askLedger(peer, wait(8))).toBe("PEER_REMOVED")
      // A snapshot may say what came later.
      expect(await askLedger(peer, { op: "snapshot", length: at(0) })).toBe("PEER_REMOVED")
      expect(await askLedger(peer, read(0))).toBe(8)
      expect(await askLedger(peer, read(7, 1))).toBe(1)
      expect(await askLedger(peer, read(8))).toBe("PEER_REMOVED")
      const again = [rekeyEntry(laptop, 1), rekeyEntry(phone, 1)]
      expect(codeOf(await joinLedger(peer, address, again, call))).toBe("JOIN_ENDED")
    }
  })

  test("loses its lines, after it was answered", async () => {
    await using world = await open()
    const gone = world.network.join(keyOf(laptop))
    const [started, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const ended = Promise.withResolvers<void>()
    world.guard.serve("chain", async ({ body: asked }, { signal }) => {
      signal.addEventListener("abort", () => ended.resolve(), { once: true })
      started.resolve()
      await gate.promise
      return asked
    })
    const underWay = gone.request(address, "chain", body, call)
    await started.promise
    await world.write(nodeRevokedEntry(root, laptop))
    await vi.waitFor(() => expect(world.clock.sleeping).toBeGreaterThan(0), WAIT_MS)
    await world.clock.advance(LINE_END_MS)
    await ended.promise
    expect(codeOf(await underWay)).toBe("PEER_CLOSED")
    gate.resolve()
  })

  test("by a rekey is answered for a while, so that no message under way is lost, and not after a restart", async () => {
    await using world = await open()
    const before = world.network.join(keyOf(laptop))
    expect(await askProxy(before)).toBe("ok")
    await world.write(rekeyEntry(laptop, 2))
    const after = world.network.join(keyOf(laptop, 2))
    expect([await askProxy(before), await askProxy(after)]).toEqual(["ok", "ok"])
    await world.clock.advance(LATE_KEY_MS - 1)
    expect(await askProxy(before)).toBe("ok")
    await world.clock.advance(1)
    expect([await askProxy(before), await askProxy(after)]).toEqual(["PEER_REMOVED", "ok"])
    expect(await askLedger(before, read(0))).toBe(6)

    await using restarted = await open([...own, rekeyEntry(laptop, 2), rekeyEntry(laptop, 3)])
    const late = restarted.network.join(keyOf(laptop, 2))
    expect(await askProxy(late)).toBe("PEER_REMOVED")
  })

  test("two epochs ago is not answered at all", async () => {
    await using world = await open()
    const before = world.network.join(keyOf(laptop))
    await world.write(rekeyEntry(laptop, 2), rekeyEntry(laptop, 3))
    expect(await askProxy(before)).toBe("PEER_REMOVED")
    expect(await askProxy(world.network.join(keyOf(laptop, 2)))).toBe("ok")
  })
})

describe("joining", () => {
  const join = async (peer: MemoryTransport, entries: readonly Uint8Array[]): Promise<string> =>
    codeOf(await joinLedger(peer, address, entries, call))

  test("makes an invited child, a node that was away and the founder of a cluster known, and they are answered at once", async () => {
    await using world = await open([...own, nodeEntry(laptop, phone)])
    for (const [key, entries] of [
      [keyOf(phone), [rekeyEntry(phone, 1)]],
      [keyOf(laptop, 3), [rekeyEntry(laptop, 2), rekeyEntry(laptop, 3)]],
      [keyOf(desktop), founding(otherRoot, desktop)],
    ] as const) {
      const peer = world.network.join(key)
      expect(await askProxy(peer)).toBe("PEER_UNKNOWN")
      expect(await join(peer, entries)).toBe("ok")
      // The answer may be lost, and then it is asked again.
      expect(await join(peer, entries)).toBe("ok")
      expect(await askProxy(peer)).toBe("ok")
    }
    expect(world.replica.head.length).toBe(12)
  })

  test("is judged again when others append at the same time", async () => {
    await using world = await open([...own, nodeEntry(laptop, phone)])
    const peers = [world.network.join(keyOf(phone)), world.network.join(keyOf(desktop))] as const
    const all = [
      join(peers[0], [rekeyEntry(phone, 1)]),
      join(peers[1], founding(otherRoot, desktop)),
      join(peers[0], [rekeyEntry(phone, 1)]),
    ]
    expect(await Promise.all(all)).toEqual(["ok", "ok", "ok"])
    expect(world.replica.head.length).toBe(10)
  })

  test.each([
    { name: "revoked", end: nodeRevokedEntry(root, laptop) },
    { name: "replaced", end: nodeEntry(root, kitChild(root, "/laptop", 2)) },
  ])("tells a child whose invitation was $name before it came, and lets it read of that", async ({ end }) => {
    await using world = await open([...own, nodeEntry(laptop, phone), end, ...founding(otherRoot, desktop)])
    const late = world.network.join(keyOf(phone))
    expect(await askLedger(late, read(0))).toBe("PEER_UNKNOWN")
    expect(await join(late, [rekeyEntry(phone, 1)])).toBe("JOIN_ENDED")
    expect([await askLedger(late, read(0)), await askLedger(late, read(7))]).toEqual([7, "PEER_REMOVED"])
    expect(await askProxy(late)).toBe("PEER_REMOVED")
    // Somebody else who has the invitation's statement, but not the key that it names.
    expect(await join(world.network.join(kitKey("mallory")), [rekeyEntry(phone, 1)])).toBe("JOIN_FOREIGN")
  })

  test("is closed to strangers' clusters where only trusted ones are answered", async () => {
    await using world = await open([...own, nodeEntry(laptop, phone)], "trusted")
    expect(await join(world.network.join(keyOf(phone)), [rekeyEntry(phone, 1)])).toBe("ok")
    const peer = world.network.join(keyOf(desktop))
    expect(await join(peer, founding(otherRoot, desktop))).toBe("JOIN_CLOSED")
    expect(world.replica.state.clusters.size).toBe(1)
    await world.write(trustEntry(host, otherRoot, 1))
    expect(await join(peer, founding(otherRoot, desktop))).toBe("ok")
  })

  test("takes nothing that does not make the caller a node, and no more than a host can judge", async () => {
    await using world = await open([...own, nodeEntry(laptop, phone)])
    const stranger = world.network.join(kitKey("mallory"))
    expect(await join(stranger, [rekeyEntry(phone, 1)])).toBe("JOIN_FOREIGN")
    expect(await join(stranger, [nodeRevokedEntry(root, laptop)])).toBe("JOIN_MESSAGE_INVALID")
    const malformed = unwrap(await stranger.request(address, "join", Uint8Array.of(1), call))
    expect(unwrap(decodeJoinAnswer(malformed))).toMatchObject({ kind: "refused", code: "JOIN_MESSAGE_INVALID" })
    expect(world.replica.head.length).toBe(6)
    const codes = []
    for (let each = 0; each < 70; each++) codes.push(await join(stranger, [rekeyEntry(phone, 1)]))
    expect(codes.at(-1)).toBe("JOIN_BUSY")
    await world.clock.advance(1_000)
    expect(await join(world.network.join(keyOf(phone)), [rekeyEntry(phone, 1)])).toBe("ok")
  })

  test("founds only so many clusters at once", async () => {
    await using world = await open()
    const codes = []
    for (let each = 0; each < 20; each++) {
      const node = kitChild(kitRoot(`stranger ${each}`), "/node")
      codes.push(await join(world.network.join(keyOf(node)), founding(kitRoot(`stranger ${each}`), node)))
    }
    expect(codes.slice(0, 16)).toEqual(codes.slice(0, 16).map(() => "ok"))
    expect(codes.slice(16)).toEqual(["JOIN_BUSY", "JOIN_BUSY", "JOIN_BUSY", "JOIN_BUSY"])
  })
})
