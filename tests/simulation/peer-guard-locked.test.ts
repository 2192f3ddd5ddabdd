import { unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeLedgerIndex, emptyHead, type LedgerIndex } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryNetwork, SimulatedClock, type MemoryTransport } from "@keygrove/memory"
import { decodeLedgerAnswer, encodeLedgerRequest, type LedgerRequest } from "@keygrove/peering"
import { LedgerReplica, LINE_END_MS, PeerGuard, serveLedger, type ProtocolName } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { expect, test, vi } from "vitest"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitGrant,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const at = (index: number): LedgerIndex => unwrap(decodeLedgerIndex(index))
const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.code)
const body = Uint8Array.of(1)

const root = kitRoot("alice")
const host = kitChild(root, "/host")
const laptop = kitChild(root, "/laptop")
const own = [clusterEntry(root), ...[host, laptop].flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)])]
const hostKey = kitKey(signingName(host, 1))
const address = { signingKey: hostKey, addresses: [] }

/** The entry by which the laptop grants something to a key, and that by which it revokes it. */
function granted(name: string, reader: string): Uint8Array {
  const grant = kitGrant(name, { node: laptop, epoch: 1 }, [{ node: host, epoch: 1 }])
  const body = { ...grant, reader: { ...grant.reader, signingKey: kitKey(reader) } }
  return kitEntry({ kind: "policy-granted", body }, laptop, signingName(laptop, 1))
}

function revoked(name: string): Uint8Array {
  return kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, laptop, signingName(laptop, 1))
}

/** The entry by which the laptop becomes a member, or gets another boot key. */
function joined(revision: number, boot: string): Uint8Array {
  const keys = { bootSigningKey: kitKey(boot), bootSealingKey: kitBytes(`${boot} sealing`) }
  const statement = { kind: "custody-joined", body: { revision, ...keys, unlock: "auto", addresses: [] } } as const
  return kitEntry(statement, laptop, signingName(laptop, 1))
}

interface World extends AsyncDisposable {
  readonly clock: SimulatedClock
  readonly network: MemoryNetwork
  readonly guard: PeerGuard
  readonly replica: LedgerReplica
}

/** The node `/host` with a guard before its ledger and the protocols `pieces` and `proxy`. */
async function open(): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const clock = new SimulatedClock()
  const network = new MemoryNetwork(clock)
  const engine = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await engine.append([...own, joined(1, "boot")], emptyHead(), call))
  const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
  const transport = network.join(hostKey)
  const guard = stack.use(new PeerGuard({ clock, own: root.cluster, predecessors: [], peers: "ledger", replica, transport }))
  stack.use(serveLedger({ transport: guard, engine, clock: systemClock, replica }))
  for (const protocol of ["pieces", "proxy", "chain", "move"] as const) guard.serve(protocol, async (request) => request.body)
  const owned = stack.move()
  return { clock, network, guard, replica, [Symbol.asyncDispose]: async () => await owned.disposeAsync() }
}

async function ask(from: MemoryTransport, protocol: ProtocolName): Promise<string> {
  return codeOf(await from.request(address, protocol, body, call))
}

async function askLedger(from: MemoryTransport, request: LedgerRequest): Promise<string> {
  const answered = await from.request(address, "ledger", encodeLedgerRequest(request), call)
  return answered.ok ? unwrap(decodeLedgerAnswer(answered.value)).kind : answered.code
}

test("a locked member asks for pieces and reads the ledger, and that is all", async () => {
  await using world = await open()
  const locked = world.network.join(kitKey("boot"))
  expect(await ask(locked, "pieces")).toBe("ok")
  for (const protocol of ["proxy", "chain", "move"] as const) expect(await ask(locked, protocol)).toBe("PEER_UNKNOWN")
  expect(await askLedger(locked, { op: "head" })).toBe("head")
  expect(await askLedger(locked, { op: "read", from: at(0), limit: 256 })).toBe("slice")
  // It is asked, and has none.
  expect(await askLedger(locked, { op: "snapshot", length: at(0) })).toBe("refused")
  expect(await askLedger(locked, { op: "wait", length: at(0), timeoutMs: 0 })).toBe("head")
  const append = { op: "append", expected: world.replica.head, entries: [joined(2, "boot")] } as const
  expect(await askLedger(locked, append)).toBe("PEER_REMOVED")
  const stranger = world.network.join(kitKey("another boot"))
  expect(await ask(stranger, "pieces")).toBe("PEER_UNKNOWN")
})

test("lines under a boot key end when it is another's, or its node no more", async () => {
  for (const ending of [joined(2, "boot 2"), nodeRevokedEntry(root, laptop)]) {
    await using world = await open()
    const locked = world.network.join(kitKey("boot"))
    expect(await ask(locked, "pieces")).toBe("ok")
    const disconnected = vi.spyOn(world.guard, "disconnect")
    unwrap(await world.replica.appendEntries([ending], call))
    await vi.waitFor(() => expect(world.clock.sleeping).toBeGreaterThan(0), { timeout: 60_000 })
    await world.clock.advance(LINE_END_MS)
    expect(disconnected).toHaveBeenCalledTimes(1)
    expect(await ask(locked, "pieces")).toBe("PEER_UNKNOWN")
  }
})

test("a reader that is no node asks proxies and reads the ledger, until the last of its policies is revoked; then it reads of that", async () => {
  await using world = await open()
  const reader = world.network.join(kitKey("reader"))
  expect(await ask(reader, "proxy")).toBe("PEER_UNKNOWN")
  unwrap(await world.replica.appendEntries([granted("p", "reader"), granted("q", "reader")], call))
  expect(await ask(reader, "proxy")).toBe("ok")
  for (const protocol of ["pieces", "chain", "move"] as const) expect(await ask(reader, protocol)).toBe("PEER_UNKNOWN")
  expect(await askLedger(reader, { op: "head" })).toBe("head")
  const append = { op: "append", expected: world.replica.head, entries: [revoked("p")] } as const
  expect(await askLedger(reader, append)).toBe("PEER_REMOVED")
  unwrap(await world.replica.appendEntries([revoked("p")], call))
  expect(await ask(reader, "proxy")).toBe("ok")
  unwrap(await world.replica.appendEntries([revoked("q"), granted("r", "another")], call))
  expect(await ask(reader, "proxy")).toBe("PEER_REMOVED")
  expect(await askLedger(reader, { op: "read", from: at(0), limit: 256 })).toBe("slice")
})

test("a member that reads a label asks for both, by one boot key", async () => {
  await using world = await open()
  unwrap(await world.replica.appendEntries([granted("p", "boot")], call))
  const locked = world.network.join(kitKey("boot"))
  for (const protocol of ["pieces", "proxy"] as const) expect(await ask(locked, protocol)).toBe("ok")
  unwrap(await world.replica.appendEntries([revoked("p")], call))
  expect(await ask(locked, "pieces")).toBe("ok")
  expect(await ask(locked, "proxy")).toBe("PEER_UNKNOWN")
})
