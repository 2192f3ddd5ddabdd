import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { refuse, Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, deriveAnchor, deriveRoot, ROOT_PATH, type NodeRevocation } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { foundNode, KeystoreEngine, type FoundedNode } from "@keygrove/keystore"
import { draftEntry, encodeEntry, entrySignBytes, findNode } from "@keygrove/ledger"
import { MemoryNetwork, SimulatedClock, type MemoryTransport } from "@keygrove/memory"
import { LedgerReplica, type CallOptions, type LedgerEngine, type PreparedRekey } from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { rekeyEntry, sealEpoch } from "../../../../adapters/keystore/src/ceremony/prepare-rekey.ts"
import { unlockRecord } from "../../../../adapters/keystore/src/unlock.ts"
import { Rekeys, resumeEpoch } from "./rekeys.ts"

const tools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}
const call: CallOptions = { signal: new AbortController().signal }
const directory = mkdtempSync(join(tmpdir(), "keygrove-rekeys-"))
afterAll(() => rmSync(directory, { recursive: true }))
let ledgers = 0

/** A node with a disk: the record of its keystore and its ledger outlive each start. */
class Home {
  readonly ledger: string = join(directory, `ledger-${++ledgers}.db`)
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly log: string[] = []
  readonly founded: FoundedNode
  readonly #seed: Secret = Secret.take(systemRandom(64))
  readonly #network = new MemoryNetwork()
  /** Whether the ledger can be written. */
  isReachable: boolean = true
  #record: { readonly epoch: number; readonly entry?: Uint8Array } = { epoch: 1 }

  constructor() {
    this.founded = unwrap(foundNode(nativePrimitives, this.#seed, "laptop"))
  }

  /** What the ceremony does for who asks, and what it leaves on the disk. */
  async prepare(running: Running): Promise<PreparedRekey> {
    const { exchangeKey } = unwrap(await running.rekeys.begin(call))
    const { nodeSecret, place } = this.founded
    const next = { ...place, epoch: unwrap(decodeEpoch(running.keystore.identity().keys.epoch + 1)) }
    const entry = rekeyEntry(nativePrimitives, nodeSecret, next)
    this.#record = { epoch: next.epoch, entry }
    return { entry, sealed: unwrap(await sealEpoch(tools, nodeSecret, { place: next, exchangeKey })) }
  }

  async start(): Promise<Running> {
    const { nodeSecret, place } = this.founded
    const record = { ...place, ...this.#record, epoch: unwrap(decodeEpoch(this.#record.epoch)) }
    const keystore = new KeystoreEngine(tools, unlockRecord(tools, nodeSecret, record))
    unwrap(await resumeEpoch(keystore, this.ledger, call))
    const resumedAt = keystore.identity().keys.epoch
    const own = unwrap(EmbeddedLedgerEngine.open({ path: this.ledger, primitives: nativePrimitives }))
    const engine = reachable(own, () => this.isReachable)
    const replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
    if (replica.head.length === 0) unwrap(await replica.appendEntries(this.founded.genesis, call))
    const transport = this.#network.join(keystore.identity().keys.signingKey)
    const rekeys = new Rekeys({ clock: this.clock, keystore, replica, transport }, (line) => void this.log.push(line))
    return {
      keystore,
      replica,
      rekeys,
      transport,
      resumedAt,
      [Symbol.asyncDispose]: async () => {
        await transport[Symbol.asyncDispose]()
        await replica[Symbol.asyncDispose]()
        await keystore[Symbol.asyncDispose]()
      },
    }
  }

  /** Ends the node, as the root does. */
  revocation(): Uint8Array {
    using root = deriveRoot(nativePrimitives, this.#seed)
    using anchor = deriveAnchor(nativePrimitives, root)
    const { cluster, generation, path } = this.founded.place
    const body: NodeRevocation = { path, generation, reason: "compromised", isLast: true }
    const draft = draftEntry({ kind: "node-revoked", body }, { cluster, path: ROOT_PATH, key: anchor.publicKey })
    return encodeEntry({ ...draft, signature: nativePrimitives.ed25519.sign(anchor.seed, entrySignBytes(draft)) })
  }

  [Symbol.dispose](): void {
    this.founded.nodeSecret[Symbol.dispose]()
    this.#seed[Symbol.dispose]()
  }
}

interface Running extends AsyncDisposable {
  readonly keystore: KeystoreEngine
  readonly replica: LedgerReplica
  readonly rekeys: Rekeys
  readonly transport: MemoryTransport
  /** The epoch that it was in before it looked at the ledger. */
  readonly resumedAt: number
}

/** The engine, whose host can be away. */
function reachable(engine: LedgerEngine, isReachable: () => boolean): LedgerEngine {
  return {
    head: async (options) => await engine.head(options),
    read: async (from, limit, options) => await engine.read(from, limit, options),
    refresh: async (options) => await engine.refresh(options),
    watch: (from, options) => engine.watch(from, options),
    append: async (batch, expected, options) =>
      isReachable() ? await engine.append(batch, expected, options) : refuse("LEDGER_UNREACHABLE", "the host does not answer"),
    [Symbol.asyncDispose]: async () => await engine[Symbol.asyncDispose](),
  }
}

/** The epochs that keystore, ledger and network are in. */
function epochsOf({ keystore, replica, transport }: Running, { founded }: Home): readonly (number | undefined)[] {
  const { keys } = keystore.identity()
  const onLedger = findNode(replica.state, founded.place)?.keys
  const isNetworkThere = toHex(transport.signingKey) === toHex(keys.signingKey)
  return [keys.epoch, onLedger?.epoch, isNetworkThere ? keys.epoch : keys.epoch - 1]
}

let home: Home
beforeEach(() => {
  home = new Home()
})
afterEach(() => {
  home[Symbol.dispose]()
})

describe("a rekey of a running node", () => {
  test("takes ledger, keystore and network to the next epoch; asked again, it says so", async () => {
    await using node = await home.start()
    for (const epoch of [2, 3]) {
      const prepared = await home.prepare(node)
      expect(await node.rekeys.finish(prepared, call)).toEqual({ ok: true, value: { state: "done", epoch } })
      expect(epochsOf(node, home)).toEqual([epoch, epoch, epoch])
      expect(await node.rekeys.finish(prepared, call)).toEqual({ ok: true, value: { state: "done", epoch } })
      expect([node.rekeys.warning, node.replica.head.length]).toEqual([undefined, epoch + 2])
    }
    expect(home.log).toEqual(["rekeyed: /laptop is in epoch 2", "rekeyed: /laptop is in epoch 3"])
  })

  test("is pending while the ledger cannot be reached, which is a warning, and is ended by the node itself", async () => {
    await using node = await home.start()
    const stop = new AbortController()
    const running = node.rekeys.run({ signal: stop.signal })
    home.isReachable = false
    const prepared = await home.prepare(node)
    const pending = { state: "pending", epoch: 2, refusal: { code: "LEDGER_UNREACHABLE" } }
    expect(await node.rekeys.finish(prepared, call)).toMatchObject({ value: pending })
    expect(node.rekeys.warning).toMatch(/^epoch 2 is prepared and not on the ledger yet: LEDGER_UNREACHABLE: /)
    expect(await node.rekeys.begin(call)).toMatchObject({ code: "REKEY_PENDING" })
    expect(await node.rekeys.finish(prepared, call)).toMatchObject({ value: pending })
    expect(epochsOf(node, home)).toEqual([1, 1, 1])
    home.isReachable = true
    while (node.rekeys.warning !== undefined) await home.clock.advance(1_000)
    expect(epochsOf(node, home)).toEqual([2, 2, 2])
    stop.abort()
    await running.catch(() => undefined)
  })

  test("ends on the network later when its address is not free at once", async () => {
    await using node = await home.start()
    const { transport } = node
    const move = transport.move.bind(transport)
    transport.move = async () => await Promise.resolve(refuse("PORT_IN_USE", "another program listens there"))
    expect(await node.rekeys.finish(await home.prepare(node), call)).toMatchObject({ value: { state: "done", epoch: 2 } })
    expect(epochsOf(node, home)).toEqual([2, 2, 1])
    expect(node.rekeys.warning).toMatch(/^the network still has the key of the epoch before 2: PORT_IN_USE/)
    transport.move = move
    unwrap(await node.rekeys.settle(call))
    expect([epochsOf(node, home), node.rekeys.warning]).toEqual([[2, 2, 2], undefined])
  })

  test("is not begun for a node that the ledger does not have", async () => {
    await using node = await home.start()
    unwrap(await node.replica.appendEntries([home.revocation()], call))
    expect(await node.rekeys.begin(call)).toMatchObject({ code: "NODE_NOT_ON_LEDGER" })
  })
})

describe("a node that starts with a record of the next epoch", () => {
  /** Cuts the node off when the ceremony has written its record. */
  const cutOff = async (): Promise<PreparedRekey> => {
    await using node = await home.start()
    return await home.prepare(node)
  }

  test("and a ledger without its statement brings it there and goes on", async () => {
    await cutOff()
    await using node = await home.start()
    expect([node.resumedAt, ...epochsOf(node, home)]).toEqual([1, 1, 1, 1])
    unwrap(await node.rekeys.settle(call))
    expect(epochsOf(node, home)).toEqual([2, 2, 2])
  })

  test("and a ledger that has it is in it before anything is done in the name of the old one", async () => {
    const { entry } = await cutOff()
    {
      await using node = await home.start()
      unwrap(await node.replica.appendEntries([entry], call))
    }
    home.isReachable = false
    for (const _start of [1, 2]) {
      await using node = await home.start()
      expect([node.resumedAt, ...epochsOf(node, home)]).toEqual([2, 2, 2, 2])
      unwrap(await node.rekeys.settle(call))
      expect([node.replica.head.length, node.rekeys.warning]).toEqual([4, undefined])
    }
  })

  test("and a ledger where it comes to stand meanwhile goes on without another entry", async () => {
    const { entry } = await cutOff()
    await using node = await home.start()
    unwrap(await node.replica.appendEntries([entry], call))
    home.isReachable = false
    unwrap(await node.rekeys.settle(call))
    expect([node.replica.head.length, ...epochsOf(node, home)]).toEqual([4, 2, 2, 2])
  })

  test("and was revoked meanwhile stays in the old epoch", async () => {
    await cutOff()
    await using node = await home.start()
    unwrap(await node.replica.appendEntries([home.revocation()], call))
    expect(await node.rekeys.settle(call)).toMatchObject({ code: "AUTHOR_UNKNOWN" })
    expect(epochsOf(node, home)).toEqual([1, undefined, 1])
  })
})
