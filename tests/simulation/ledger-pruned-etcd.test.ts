import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { concatBytes, unwrap } from "@keygrove/base"
import type { EtcdAddress } from "@keygrove/etcd"
import { advanceIndex, emptyHead, encodeSnapshot, findNode, isSameHead, type LedgerIndex } from "@keygrove/ledger"
import { migrateLedger } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { EtcdCluster, hasEtcd } from "../../packages/adapters/etcd/src/etcd-cluster.fixture.ts"
import { kitSource } from "../../packages/adapters/etcd/src/etcd-engine.fixture.ts"
import {
  clusterEntry,
  kitChild,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  termsEntry,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { startMember, type EtcdMemberNode } from "./etcd-member.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const poll = { timeout: 60_000 }
const root = kitRoot("in etcd")
const [laptop, phone, tablet] = [kitChild(root, "/laptop"), kitChild(root, "/phone"), kitChild(root, "/tablet")]
const founding = [clusterEntry(root), ...[laptop, phone, tablet].flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)])]
const more = (from: number, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, offset) => termsEntry(phone, 1, from + offset))
const at = (index: number): LedgerIndex => advanceIndex(emptyHead().length, index)
const folded = ({ replica }: EtcdMemberNode): Uint8Array => concatBytes(...encodeSnapshot(replica.snapshot()))

const stage: { directory: string; count: number; etcd?: EtcdCluster } = { directory: "", count: 0 }
const freshPath = (): string => join(stage.directory, `${stage.count++}.db`)
function freshAddress(): EtcdAddress {
  if (stage.etcd === undefined) throw new TypeError("etcd was not started")
  return stage.etcd.address(`pruned-${stage.count++}`)
}

async function append({ replica }: EtcdMemberNode, entries: readonly Uint8Array[]): Promise<void> {
  for (let from = 0; from < entries.length; from += 50) unwrap(await replica.appendEntries(entries.slice(from, from + 50), call))
}

describe.skipIf(!hasEtcd)("a ledger that was pruned in etcd", () => {
  beforeAll(async () => {
    stage.directory = mkdtempSync(join(tmpdir(), "keygrove-pruned-etcd-"))
    stage.etcd = await EtcdCluster.start(3)
  })
  afterAll(async () => {
    await stage.etcd?.[Symbol.asyncDispose]()
    rmSync(stage.directory, { recursive: true })
  })

  test("is gone on with by who has it, by who is behind, and by who is new, each of whom appends", async () => {
    const address = freshAddress()
    const [away, fresh] = [freshPath(), freshPath()]
    await using first = await startMember(address, freshPath(), laptop)
    await append(first, [...founding, ...more(1, 20)])
    {
      await using leaving = await startMember(address, away, phone)
      await expect.poll(() => leaving.replica.head.length, poll).toBe(27)
    }
    const server = kitChild(root, "/server")
    await append(first, [...more(21, 200), nodeEntry(root, server), rekeyEntry(server, 1), ...more(221, 30)])
    const taken = unwrap(await first.keeper.pruneLog(first.engine.source, call))
    expect(taken.length).toBe(259)
    expect(unwrap(await first.engine.source.prunedTo(call))).toBe(259)
    await append(first, more(251, 2))
    // Who pruned keeps the whole log.
    expect(first.keeper.prunedTo).toBe(0)
    expect(unwrap(await first.copy.read(at(100), 10, call)).entries).toHaveLength(10)
    {
      await using back = await startMember(address, away, phone)
      await using joined = await startMember(address, fresh, server)
      for (const member of [back, joined]) {
        await expect.poll(() => member.replica.head.length, poll).toBe(261)
        expect(folded(member)).toEqual(folded(first))
        expect(member.replica.wentOnFrom).toBe(259)
        expect(member.refused).toEqual([])
        expect(await member.copy.read(at(100), 1, call)).toMatchObject({ code: "LEDGER_PRUNED" })
      }
      unwrap(await back.replica.appendEntries(more(253, 1), call))
      unwrap(await joined.replica.appendEntries([termsEntry(server, 1, 1)], call))
    }
    await using again = await startMember(address, fresh, server)
    await expect.poll(() => again.replica.head.length, poll).toBe(263)
    expect(again.replica.wentOnFrom).toBeUndefined()
    await expect.poll(() => first.replica.head.length, poll).toBe(263)
    expect(folded(again)).toEqual(folded(first))
    // And by one that started so itself.
    unwrap(await again.keeper.pruneLog(again.engine.source, call))
    await using last = await startMember(address, freshPath(), tablet)
    await expect.poll(() => last.replica.head.length, poll).toBe(263)
    expect(folded(last)).toEqual(folded(first))
  })

  test("is appended to by who did not know that, with what its newest entries allow", async () => {
    const address = freshAddress()
    await using first = await startMember(address, freshPath(), laptop)
    await append(first, founding)
    await using second = await startMember(address, freshPath(), phone)
    await expect.poll(() => second.replica.head.length, poll).toBe(7)
    await append(first, more(1, 150))
    unwrap(await first.keeper.pruneLog(first.engine.source, call))
    unwrap(await second.replica.appendEntries(more(151, 1), call))
    expect(findNode(second.replica.state, phone)?.terms?.revision).toBe(151)
    expect(second.replica.failure).toBeUndefined()
  })

  test("is refused by a copy of another history, at any depth, and by one that is further", async () => {
    const address = freshAddress()
    const paths = [freshPath(), freshPath()]
    for (const [index, path] of paths.entries()) {
      await using copy = unwrap(EmbeddedLedgerEngine.open({ path, primitives: kitPrimitives }))
      const begun = unwrap(await copy.append(founding, emptyHead(), call))
      unwrap(await copy.append(more(500, 3 + 40 * index), begun, call))
    }
    await using first = await startMember(address, freshPath(), laptop)
    await append(first, [...founding, ...more(1, 30)])
    unwrap(await first.keeper.pruneLog(first.engine.source, call))
    for (const path of paths) {
      await using other = await startMember(address, path, phone)
      await expect.poll(() => other.engine.distrust?.code, poll).toBe("LEDGER_FORKED")
      expect((await other.copy.head(call)).length).toBeGreaterThan(7)
    }
  })

  test("is not pruned while another cluster is on it", async () => {
    const address = freshAddress()
    await using first = await startMember(address, freshPath(), laptop)
    await append(first, [...founding, ...more(1, 10)])
    await using source = kitSource(address)
    const foreign = kitRoot("next door")
    unwrap(await source.append([clusterEntry(foreign)], first.replica.head, call))
    expect(await first.keeper.pruneLog(source, call)).toMatchObject({
      code: "LEDGER_SHARED",
      message: expect.stringContaining(foreign.cluster.slice(0, 16)),
    })
    expect(unwrap(await source.prunedTo(call))).toBe(0)
  })

  test("moves on from a node that has it whole, and not from one that is behind", async () => {
    const [address, next] = [freshAddress(), freshAddress()]
    const behind = freshPath()
    await using first = await startMember(address, freshPath(), laptop)
    await append(first, founding)
    {
      await using copy = unwrap(EmbeddedLedgerEngine.open({ path: behind, primitives: kitPrimitives }))
      unwrap(await copy.append(founding.slice(0, 5), emptyHead(), call))
    }
    await append(first, more(1, 140))
    unwrap(await first.keeper.pruneLog(first.engine.source, call))
    await append(first, more(141, 2))
    await using source = kitSource(address)
    await using target = kitSource(next)
    const move = { source, target, place: "etcd://127.0.0.1/next", onProgress: () => undefined }
    {
      await using copy = unwrap(EmbeddedLedgerEngine.open({ path: behind, primitives: kitPrimitives }))
      expect(await migrateLedger({ ...move, copy, own: copy.seal }, call)).toMatchObject({
        code: "LEDGER_PRUNED",
        message: expect.stringContaining("after entry 7"),
      })
      expect((await copy.head(call)).length).toBe(7)
    }
    const whole = await migrateLedger({ ...move, copy: first.copy, own: first.copy.seal }, call)
    expect(isSameHead(unwrap(whole), first.replica.head)).toBe(true)
    expect(unwrap(await target.read(at(0), 256, call)).entries).toHaveLength(149)
    // Who comes after finds the place where it went pruned already, by one who went before.
    await using moved = await startMember(next, freshPath(), tablet)
    await expect.poll(() => moved.replica.head.length, poll).toBe(149)
    await append(moved, more(143, 1))
    unwrap(await moved.keeper.pruneLog(moved.engine.source, call))
    expect(unwrap(await migrateLedger({ ...move, copy: first.copy, own: first.copy.seal }, call)).length).toBe(149)
  })
})
