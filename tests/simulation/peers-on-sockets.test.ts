import { toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeLedgerIndex, emptyHead } from "@keygrove/ledger"
import { MemoryLedgerEngine } from "@keygrove/memory"
import { followHost, LedgerReplica, PeerGuard, serveJoin, serveLedger, type PeerAddress } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { expect, test, vi } from "vitest"
import { kitIdentity, KitTime, LOOPBACK } from "../../packages/adapters/libp2p/src/hosts.contract.ts"
import { openLibp2pTransport } from "@keygrove/libp2p"
import {
  clusterEntry,
  kitChild,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  type KitNode,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const WAIT_MS = 60_000
const root = kitRoot("alice")
const desk = kitChild(root, "/desk")
const phone = kitChild(root, "/phone")
const founding = [clusterEntry(root), nodeEntry(root, desk), rekeyEntry(desk, 1), nodeEntry(root, phone)]
const keyOf = (node: KitNode, epoch: number): Uint8Array => kitKey(signingName(node, epoch))
const identityOf = (node: KitNode, epoch: number) => kitIdentity(signingName(node, epoch))
const reached = async (replica: LedgerReplica, length: number): Promise<void> => {
  unwrap(await replica.waitUntil(unwrap(decodeLedgerIndex(length)), call))
}

/** The ledger's host, `/desk`. */
async function openHost(stack: AsyncDisposableStack) {
  const time = new KitTime()
  const transport = unwrap(await openLibp2pTransport({ ...identityOf(desk, 1), listen: [LOOPBACK], clock: time }))
  const engine = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await engine.append(founding, emptyHead(), call))
  const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
  const admission = { clock: systemClock, own: root.cluster, predecessors: [], peers: "ledger", replica } as const
  const guard = stack.use(new PeerGuard({ ...admission, transport }))
  stack.use(serveLedger({ transport: guard, engine, clock: systemClock, replica }))
  stack.use(serveJoin({ ...admission, transport: guard, primitives: kitPrimitives, onEnded: (key, at) => guard.letRead(key, at) }))
  const address = { signingKey: keyOf(desk, 1), addresses: transport.addresses() }
  return { address, guard, replica, time }
}

/** A follower of it, `/phone`, that keeps its copy from one start to the next. */
async function openFollower(stack: AsyncDisposableStack, host: PeerAddress, log: readonly Uint8Array[]) {
  const transport = stack.use(unwrap(await openLibp2pTransport({ ...identityOf(phone, 1), listen: [], clock: new KitTime() })))
  const copy = new MemoryLedgerEngine(kitPrimitives)
  if (log.length > 0) unwrap(await copy.append(log, emptyHead(), call))
  const view: { replica?: LedgerReplica } = {}
  const folded = (): LedgerReplica | undefined => view.replica
  const follower = followHost({ transport, host, copy, clock: systemClock, primitives: kitPrimitives, folded })
  const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine: follower }, call)))
  view.replica = replica
  return { follower, replica }
}

test("over sockets: a child joins, follows its host through rekeys, finds it again after it was away, and is sent away when it is revoked", async () => {
  await using stack = new AsyncDisposableStack()
  const host = await openHost(stack)
  const rekey = async (epoch: number): Promise<void> => {
    unwrap(await host.replica.appendEntries([rekeyEntry(desk, epoch)], call))
    unwrap(await host.guard.move(identityOf(desk, epoch), call))
    await host.time.pass(60_000)
  }
  const first = new AsyncDisposableStack()
  const here = await openFollower(first, host.address, [])
  expect(await here.follower.refresh(call)).toMatchObject({ message: expect.stringContaining("PEER_UNKNOWN") })
  unwrap(await here.follower.source.join([rekeyEntry(phone, 1)], call))
  unwrap(await here.follower.refresh(call))
  await rekey(2)
  await vi.waitFor(() => expect(toHex(here.follower.source.host.signingKey)).toBe(toHex(keyOf(desk, 2))), WAIT_MS)
  unwrap(await here.replica.appendEntries([termsEntry(phone, 1, 1)], call))
  const { entries } = unwrap(await here.replica.read(emptyHead().length, 256, call))
  await first.disposeAsync()

  await rekey(3)
  await rekey(4)
  const back = await openFollower(stack, { ...host.address, signingKey: keyOf(desk, 2) }, entries)
  await reached(back.replica, 9)
  expect(toHex(back.follower.source.host.signingKey)).toBe(toHex(keyOf(desk, 4)))

  unwrap(await host.replica.appendEntries([nodeRevokedEntry(root, phone)], call))
  await reached(back.replica, 10)
  unwrap(await host.replica.appendEntries([termsEntry(desk, 4, 1)], call))
  await vi.waitFor(
    async () => expect(await back.follower.refresh(call)).toMatchObject({ message: expect.stringContaining("PEER_REMOVED") }),
    WAIT_MS,
  )
  expect(back.replica.head.length).toBe(10)
})
