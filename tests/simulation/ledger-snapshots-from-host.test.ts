import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { concatBytes, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp } from "@keygrove/hierarchy"
import {
  advanceIndex,
  emptyHead,
  encodeSnapshot,
  encodeSnapshotHead,
  findNode,
  snapshotHeadSignBytes,
  verifySnapshotHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import type { MemoryNetwork } from "@keygrove/memory"
import type { LedgerReplica, LedgerSnapshots } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  clusterEntry,
  kitChild,
  kitEntry,
  kitKey,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  termsEntry,
  type KitNode,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { follow as followAs, PrunedHost, type Follower, type Lie } from "./pruned-host.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const poll = { timeout: 60_000 }
const primitives = { ...nativePrimitives, ed25519: kitPrimitives.ed25519 }
const root = kitRoot("from a host")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(root, "/phone")
const foreign = kitRoot("another")
const stranger = kitChild(foreign, "/laptop")
const founding = [clusterEntry(root), ...[laptop, phone].flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)])]
const others = [clusterEntry(foreign), nodeEntry(foreign, stranger), rekeyEntry(stranger, 1)]
const more = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, offset) => termsEntry(phone, 1, from + offset))
const at = (index: number): LedgerIndex => advanceIndex(emptyHead().length, index)

let directory = ""
let files = 0
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-from-host-"))
})
afterAll(() => rmSync(directory, { recursive: true }))
const freshPath = (): string => join(directory, `${files++}.db`)
const openHost = async (entries: readonly Uint8Array[]): Promise<PrunedHost> => await PrunedHost.open(freshPath(), entries, laptop)
const follow = async (network: MemoryNetwork, path = freshPath(), reader = phone): Promise<Follower> =>
  await followAs(network, path, reader)

const bytesOf = (replica: LedgerReplica): Uint8Array => concatBytes(...encodeSnapshot(replica.snapshot()))
const chainOf = async (replica: LedgerReplica, { cluster }: KitNode): Promise<readonly Uint8Array[]> => {
  const slices = (replica.keyChain(cluster)?.indexes ?? []).map(async (index) => unwrap(await replica.read(index, 1, call)))
  return (await Promise.all(slices)).flatMap(({ entries }) => entries)
}
const snapshotsOf = async (copy: { readonly snapshots: LedgerSnapshots }): Promise<number> =>
  unwrap(await copy.snapshots.heads(call)).length

describe("a follower of a host that pruned", () => {
  test("starts from its snapshot when it is new, goes on after it, and starts again from its own file", async () => {
    await using pruned = await openHost([...founding, ...others, ...more(1, 30)])
    unwrap(await pruned.keeper.prune(call))
    unwrap(await pruned.replica.appendEntries(more(31, 5), call))
    const path = freshPath()
    {
      await using follower = await follow(pruned.network, path)
      await expect.poll(() => follower.replica.head.length, poll).toBe(43)
      expect(bytesOf(follower.replica)).toEqual(bytesOf(pruned.replica))
      expect(follower.replica.wentOnFrom).toBe(38)
      // The key chains of all clusters came along, since they are served to others.
      expect(await chainOf(follower.replica, root)).toEqual(founding)
      expect(await chainOf(follower.replica, foreign)).toEqual(others)
      expect(await follower.replica.read(at(10), 4, call)).toMatchObject({ code: "LEDGER_PRUNED" })
      unwrap(await follower.replica.appendEntries(more(36, 2), call))
      expect(pruned.replica.head.length).toBe(45)
    }
    unwrap(await pruned.replica.appendEntries(more(38, 3), call))
    await using again = await follow(pruned.network, path)
    await expect.poll(() => again.replica.head.length, poll).toBe(48)
    expect(bytesOf(again.replica)).toEqual(bytesOf(pruned.replica))
    expect(again.replica.wentOnFrom).toBeUndefined()
  })

  test("goes on while it runs, in the middle of what it has, also when it appends", async () => {
    await using pruned = await openHost([...founding, ...more(1, 10)])
    await using follower = await follow(pruned.network)
    await expect.poll(() => follower.replica.head.length, poll).toBe(15)
    // What the host says of news is held back, so that it gets ahead.
    const held = { kind: "head", head: pruned.replica.head } as const
    pruned.lie = (answer, { op }) => (op === "wait" || op === "head" ? held : answer)
    unwrap(await pruned.replica.appendEntries([...more(11, 20), nodeEntry(root, kitChild(root, "/tablet")), ...more(31, 4)], call))
    unwrap(await pruned.keeper.prune(call))
    pruned.lie = undefined
    unwrap(await follower.replica.appendEntries(more(35, 1), call))
    expect(bytesOf(follower.replica)).toEqual(bytesOf(pruned.replica))
    expect(follower.replica.failure).toBeUndefined()
    expect(follower.replica.wentOnFrom).toBe(40)
    expect(findNode(follower.replica.state, phone)?.terms?.revision).toBe(35)
    expect(unwrap(await follower.copy.read(at(35), 1, call)).entries).toHaveLength(1)
    expect(unwrap(await follower.copy.read(at(14), 9, call)).entries).toHaveLength(1)
  })

  test("is asked for nothing new by a host that keeps all", async () => {
    await using whole = await openHost([...founding, ...more(1, 10)])
    unwrap(await whole.keeper.take(call))
    await using follower = await follow(whole.network)
    await expect.poll(() => follower.replica.head.length, poll).toBe(15)
    expect(whole.requests.filter(({ op }) => op === "snapshot" || op === "part")).toEqual([])
    expect(await snapshotsOf(follower.copy)).toBe(0)
  })

  test("begins again after a crash between parts, and asks for the rest after a broken line", async () => {
    await using pruned = await openHost([...founding, ...more(1, 10)])
    unwrap(await pruned.keeper.prune(call))
    const path = freshPath()
    pruned.lie = (answer, { op }) => (op === "part" ? { kind: "refused", code: "LEDGER_BUSY", message: "busy" } : answer)
    {
      await using cut = await follow(pruned.network, path)
      await expect.poll(() => pruned.requests.filter(({ op }) => op === "part").length, poll).toBeGreaterThan(1)
      expect(unwrap(await cut.copy.snapshots.prunedTo(call))).toBe(0)
      expect(cut.refused).toEqual([])
    }
    const database = new DatabaseSync(path)
    database.exec("INSERT INTO snapshot_chunk (length, place, bytes) VALUES (15, 0, x'00'), (15, 1, x'01')")
    database.close()
    pruned.lie = undefined
    await using follower = await follow(pruned.network, path)
    await expect.poll(() => follower.replica.head.length, poll).toBe(15)
    expect(bytesOf(follower.replica)).toEqual(bytesOf(pruned.replica))
  })
})

test("a snapshot of several parts goes on after a broken line where it was", async () => {
  const addresses = Array.from({ length: 16 }, (_, place) => `/${place}`.padEnd(256, "x"))
  const nodes = Array.from({ length: 140 }, (_, place) => kitChild(root, `/n${place}`))
  const wide = nodes.flatMap((node) => {
    const body = { revision: 1, until: unwrap(decodeTimestamp(1)), capacity: 1, addresses }
    return [nodeEntry(root, node), rekeyEntry(node, 1), kitEntry({ kind: "proxy-terms", body }, node, signingName(node, 1))]
  })
  await using pruned = await openHost(founding)
  for (let from = 0; from < wide.length; from += 60) unwrap(await pruned.replica.appendEntries(wide.slice(from, from + 60), call))
  expect(unwrap(await pruned.keeper.prune(call)).chunks).toBe(2)
  let broken = 0
  pruned.lie = (answer, request) =>
    request.op === "part" && request.place === 1 && broken++ < 2 ? { kind: "refused", code: "LEDGER_BUSY", message: "busy" } : answer
  await using follower = await follow(pruned.network)
  await expect.poll(() => follower.replica.head.length, poll).toBe(pruned.replica.head.length)
  expect(pruned.requests.flatMap((request) => (request.op === "part" ? request.place : []))).toEqual([0, 1, 1, 1])
  expect(bytesOf(follower.replica)).toEqual(bytesOf(pruned.replica))
})

describe("a host is refused, and the copy stays as it is, when it shows", () => {
  /** The code for which a new follower refuses, once what it holds did not change. */
  async function refusalOf(pruned: PrunedHost, reader = phone): Promise<string | undefined> {
    await using follower = await follow(pruned.network, freshPath(), reader)
    await expect.poll(() => follower.refused.length, poll).toBe(1)
    // What a host keeps of the log's beginning a follower has read as ever.
    expect((await follower.copy.head(call)).length).toBeLessThanOrEqual(founding.length + others.length)
    expect(unwrap(await follower.copy.snapshots.prunedTo(call))).toBe(0)
    expect(await snapshotsOf(follower.copy)).toBe(0)
    expect(follower.replica.failure).toBeUndefined()
    return follower.refused[0]?.code
  }

  /** Signs a snapshot's head with the changes anew. */
  function resigned(encoded: Uint8Array, node: KitNode, changes: { readonly hash?: Uint8Array; readonly chunks?: number }): Uint8Array {
    const { signature: _old, ...head } = unwrap(verifySnapshotHead(primitives, encoded))
    const author = { cluster: node.cluster, path: node.path, key: kitKey(signingName(node, 1)) }
    const unsigned = { ...head, author, ...changes }
    using seed = kitSeed(signingName(node, 1))
    return encodeSnapshotHead({ ...unsigned, signature: primitives.ed25519.sign(seed, snapshotHeadSignBytes(unsigned)) })
  }

  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes.at(at) ?? 0) ^ 1)
  const zeros = new Uint8Array(32)
  const lies: readonly (readonly [string, Lie, string])[] = [
    [
      "a changed part",
      (answer) => (answer.kind === "part" ? { ...answer, bytes: flipped(answer.bytes, 200) } : answer),
      "SNAPSHOT_INVALID",
    ],
    [
      "a head that nobody signed",
      (answer) => (answer.kind === "snapshot" ? { ...answer, head: flipped(answer.head, -1) } : answer),
      "SNAPSHOT_INVALID",
    ],
    [
      "a snapshot that is not of its log",
      (answer) => (answer.kind === "snapshot" ? { ...answer, head: resigned(answer.head, laptop, { hash: zeros }) } : answer),
      "SNAPSHOT_INVALID",
    ],
    [
      "more parts than there are",
      (answer, request) =>
        answer.kind === "snapshot"
          ? { ...answer, head: resigned(answer.head, laptop, { chunks: 1024 }) }
          : request.op === "part"
            ? { kind: "part", place: request.place, bytes: zeros }
            : answer,
      "SNAPSHOT_INVALID",
    ],
    [
      "the signature of another cluster's node",
      (answer) => (answer.kind === "snapshot" ? { ...answer, head: resigned(answer.head, stranger, {}) } : answer),
      "SNAPSHOT_SIGNER_UNKNOWN",
    ],
    [
      "the signature of a node that never was",
      (answer) => (answer.kind === "snapshot" ? { ...answer, head: resigned(answer.head, kitChild(root, "/watch"), {}) } : answer),
      "SNAPSHOT_SIGNER_UNKNOWN",
    ],
    [
      "another statement in its key chain",
      (answer, request) =>
        answer.kind === "slice" && request.op === "read" && request.from === 0 ? { ...answer, entries: others.slice(0, 1) } : answer,
      "SNAPSHOT_INVALID",
    ],
  ]
  test.each(lies)("%s", async (_what, lie, code) => {
    await using pruned = await openHost([...founding, ...others, ...more(1, 10)])
    unwrap(await pruned.keeper.prune(call))
    // A new follower reads from 0 first; a lie about key chains begins when it has its offer.
    const isTold = (): boolean => pruned.requests.some(({ op }) => op === "snapshot")
    pruned.lie = (answer, request) =>
      request.op === "read" && !isTold() ? { kind: "refused", code: "LEDGER_PRUNED", message: "" } : lie(answer, request)
    expect(await refusalOf(pruned)).toBe(code)
  })

  test("a snapshot of somebody who was revoked in it", async () => {
    await using pruned = await openHost([...founding, ...more(1, 10), nodeRevokedEntry(root, laptop)])
    unwrap(await pruned.keeper.prune(call))
    expect(await refusalOf(pruned)).toBe("SNAPSHOT_SIGNER_UNKNOWN")
  })

  test("a snapshot without this node's cluster", async () => {
    await using pruned = await openHost([...founding, ...more(1, 10)])
    unwrap(await pruned.keeper.prune(call))
    expect(await refusalOf(pruned, stranger)).toBe("SNAPSHOT_SIGNER_UNKNOWN")
  })

  test("a snapshot that hides a revocation which the follower has read", async () => {
    await using honest = await openHost([...founding, nodeRevokedEntry(root, laptop), ...more(1, 10)])
    await using liar = await openHost([...founding, ...more(1, 30)])
    unwrap(await liar.keeper.prune(call))
    const path = freshPath()
    {
      await using follower = await follow(honest.network, path)
      await expect.poll(() => follower.replica.head.length, poll).toBe(16)
    }
    // It claims to hold what the follower does, and that its log goes on from there.
    const { hash } = honest.replica.head
    liar.lie = (answer) => (answer.kind === "snapshot" ? { ...answer, before: hash } : answer)
    await using follower = await follow(liar.network, path)
    await expect.poll(() => follower.refused[0]?.code, poll).toBe("SNAPSHOT_INVALID")
    expect(follower.replica.head).toEqual(honest.replica.head)
  })

  test("another history where the copy ends, for which it is distrusted", async () => {
    await using first = await openHost([...founding, ...more(1, 10)])
    await using other = await openHost([...founding, ...more(101, 30)])
    unwrap(await other.keeper.prune(call))
    const path = freshPath()
    {
      await using follower = await follow(first.network, path)
      await expect.poll(() => follower.replica.head.length, poll).toBe(15)
    }
    await using follower = await follow(other.network, path)
    await expect.poll(() => follower.engine.distrust?.code, poll).toBe("LEDGER_FORKED")
    expect(await follower.copy.head(call)).toEqual(first.replica.head)
    expect(await snapshotsOf(follower.copy)).toBe(0)
  })
})

test("a copy goes on from a snapshot whole or not at all", async () => {
  await using pruned = await openHost([...founding, ...more(1, 10)])
  const head = unwrap(await pruned.keeper.take(call))
  await using copy = unwrap(EmbeddedLedgerEngine.open({ path: freshPath(), primitives }))
  unwrap(await copy.append(founding, emptyHead(), call))
  const expected = await copy.head(call)
  const start = { expected, head, signed: encodeSnapshotHead(head), kept: [] }
  expect(await copy.startFrom({ ...start, expected: emptyHead() }, call)).toMatchObject({ code: "LEDGER_HEAD_MOVED" })
  // The last entry is kept, and does not lead to the head.
  const last = { from: at(14), before: new Uint8Array(32), entries: founding.slice(0, 1) }
  unwrap(await copy.snapshots.putChunk(head.length, 0, Uint8Array.of(1), call))
  expect(await copy.startFrom({ ...start, kept: [last] }, call)).toMatchObject({ code: "LEDGER_CORRUPT" })
  unwrap(await copy.snapshots.putChunk(at(99), 0, Uint8Array.of(1), call))
  expect(await copy.head(call)).toEqual(expected)
  expect(await snapshotsOf(copy)).toBe(0)
  expect(await copy.snapshots.headAt(at(20), call)).toMatchObject({ code: "LEDGER_PRUNED" })
  // Another snapshot that was begun meanwhile has dropped the parts of this one.
  expect(await copy.startFrom(start, call)).toMatchObject({ code: "LEDGER_UNREACHABLE" })
  expect(await copy.snapshots.putHead(head.length, start.signed, call)).toMatchObject({ code: "LEDGER_UNREACHABLE" })
  expect(await copy.head(call)).toEqual(expected)
  unwrap(await copy.snapshots.putChunk(head.length, 0, unwrap(await pruned.file.snapshots.chunk(head.length, 0, call)), call))
  unwrap(await copy.startFrom(start, call))
  expect(await copy.head(call)).toEqual({ length: head.length, hash: head.hash })
  expect(await copy.read(at(5), 256, call)).toMatchObject({ code: "LEDGER_PRUNED", data: { next: 261 } })
  expect(await copy.snapshots.headAt(at(9), call)).toMatchObject({ code: "LEDGER_PRUNED" })
  expect(unwrap(await copy.snapshots.headAt(at(5), call))).toEqual(expected.hash)
})
