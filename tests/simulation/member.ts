import { createHash } from "node:crypto"
import { Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "@keygrove/hpke"
import { decodeEpoch, type Timestamp } from "@keygrove/hierarchy"
import { foundNode, KeystoreEngine, type FoundedNode } from "@keygrove/keystore"
import { MemoryLedgerEngine, MemoryStorage, seededRandom, type MemoryNetwork } from "@keygrove/memory"
import {
  followHost,
  GrantRemaking,
  LedgerPlacement,
  LedgerReplica,
  ProxyService,
  resumeGrants,
  retryGrants,
  retryRevocations,
  statementSigner,
  Turns,
  type CallOptions,
  type Clock,
  type NodeContext,
  type NodeIdentity,
  type PeerAddress,
  type Placement,
  type PreparedRekey,
  type RekeyExchange,
} from "@keygrove/service"
import { rekeyEntry, sealEpoch } from "../../packages/adapters/keystore/src/ceremony/prepare-rekey.ts"
import type { NodeRecord } from "../../packages/adapters/keystore/src/node-record.ts"
import { unlockRecord } from "../../packages/adapters/keystore/src/unlock.ts"
import { lastingEngine, Lifeline, mortalEngine, mortalStorage, mortalTransport } from "./lifeline.ts"
import type { Lie, Lines } from "./lines.ts"
import { Rekeying } from "./rekeying.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

/** For calls that nobody ends. */
export const call: CallOptions = { signal: new AbortController().signal }

/** What a member is in the midst of. */
export interface Surroundings {
  readonly seed: string
  readonly network: MemoryNetwork
  readonly clock: Clock
  readonly lines: Lines
  /** The host of the ledger. */
  readonly host: PeerAddress
  /** Where it is written what failed in the background, which nobody else would see. */
  readonly faults: string[]
}

/** What a member has while it runs. */
interface Running {
  readonly context: NodeContext
  readonly proxy: ProxyService
  readonly placement: Placement
  readonly remaking: GrantRemaking
  readonly rekeying: Rekeying
  readonly life: Lifeline
  readonly owned: AsyncDisposableStack
  readonly startedAt: Timestamp
}

/**
 * One node: a real keystore, replica and proxy service over fakes. Its disk (storage and copy of the ledger) outlives its process, which can be killed at any
 * of its effects and started again; then it does by itself what the daemon does.
 */
export class Member implements AsyncDisposable {
  readonly name: string
  readonly storage: MemoryStorage = new MemoryStorage()
  /** Answers instead of the proxy service, until it is unset. */
  lie: Lie | undefined
  readonly #copy = new MemoryLedgerEngine(nativePrimitives)
  readonly #founded: FoundedNode
  readonly #around: Surroundings
  /** The public part of its keystore's record, which outlives its process. */
  #record: NodeRecord
  #identity: NodeIdentity
  /** Every signing key that it had or prepared, in hex. */
  readonly #keys: Set<string> = new Set()
  /** Where its configuration says that the ledger is. */
  #host: PeerAddress
  #ceremony: Promise<void> | undefined
  #starts = 0
  #running: Running | undefined

  constructor(around: Surroundings, name: string) {
    using seed = Secret.take(new Uint8Array(createHash("sha512").update(`${around.seed}/${name}`).digest()))
    this.name = name
    this.#around = around
    this.#host = around.host
    this.#founded = unwrap(foundNode(nativePrimitives, seed, name))
    this.#record = this.#founded.place
    this.#identity = this.#founded.identity
    this.#keys.add(toHex(this.key))
  }

  get identity(): NodeIdentity {
    return this.#identity
  }

  /** Its signing key, 32 bytes. */
  get key(): Uint8Array {
    return this.#identity.keys.signingKey
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  get context(): NodeContext {
    return this.#live().context
  }

  get placement(): Placement {
    return this.#live().placement
  }

  /** What sees to it that grants follow a rekey. */
  get remaking(): GrantRemaking {
    return this.#live().remaking
  }

  get life(): Lifeline {
    return this.#live().life
  }

  /** When its process was started. */
  get startedAt(): Timestamp {
    return this.#live().startedAt
  }

  /** Fragments that its proxy service says it keeps. */
  get fragmentCount(): number {
    return this.#live().proxy.fragmentCount
  }

  /** Entries of the ledger that are on its disk. */
  async ledgerLength(): Promise<number> {
    return (await this.#copy.head(call)).length
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new TypeError(`${this.name} runs already`)
    await using stack = new AsyncDisposableStack()
    const life = new Lifeline()
    const { clock, lines, network, seed } = this.#around
    const random = seededRandom(`${seed}/${this.name}/${++this.#starts}`)
    const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random }
    const keystore = stack.use(new KeystoreEngine(tools, unlockRecord(tools, this.#founded.nodeSecret, this.#record)))
    // It starts in the epoch that it had when it ended; a later one that is prepared counts when the ledger says so.
    if (keystore.identity().keys.epoch < this.#identity.keys.epoch) unwrap(await keystore.finishRekey(call))
    const joined = lines.connect(this, network.join(this.key), () => this.lie)
    const transport = stack.use(mortalTransport(joined, life))
    const copy = lastingEngine(this.#copy)
    const view: { replica?: LedgerReplica } = {}
    const engine = followHost({
      transport,
      host: this.#host,
      copy,
      clock,
      primitives: nativePrimitives,
      folded: () => view.replica,
      onMoved: (host) => (this.#host = host),
    })
    const options = { primitives: nativePrimitives, engine: mortalEngine(engine, life) }
    const replica = stack.use(unwrap(await LedgerReplica.open(options, call)))
    view.replica = replica
    const storage = mortalStorage(this.storage, life)
    const labelTurns = new Turns()
    const context: NodeContext = { primitives: nativePrimitives, keystore, replica, storage, transport, clock, random, labelTurns }
    const proxy = stack.use(unwrap(await ProxyService.open(context, call)))
    const placement = new LedgerPlacement(replica, nativePrimitives, this.#identity)
    const remaking = new GrantRemaking(context, placement)
    const rekeying = new Rekeying(context, life, (identity) => this.#rekeyed(identity))
    stack.use(this.#background(context, { remaking, rekeying, life }))
    this.#running = { context, proxy, placement, remaking, rekeying, life, owned: stack.move(), startedAt: clock.now() }
  }

  /** Ends the process, however dead it is already. Its disk stays. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.owned.disposeAsync()
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Becomes known on the ledger. */
  async introduce(): Promise<void> {
    unwrap(await this.context.replica.appendEntries(this.#founded.genesis, call))
  }

  /**
   * Takes its next epoch while it runs, as a ceremony and the daemon do: prepared on its disk, accepted by the keystore, then brought to the ledger and moved to. What is cut off
   * there, by its death or because the ledger is out of reach, the background ends. One at a time: it has one person.
   */
  async rekey(): Promise<void> {
    this.#ceremony ??= this.#rekeyNow().finally(() => (this.#ceremony = undefined))
    await this.#ceremony
  }

  async #rekeyNow(): Promise<void> {
    const { context, rekeying } = this.#live()
    const exchange = await context.keystore.beginRekey(call)
    if (exchange.ok) unwrap(await context.keystore.acceptRekey(await this.#prepare(exchange.value), call))
    // Known from here on: one that dies now may have brought it to the ledger, where others grant to it.
    const pending = context.keystore.pendingRekey()
    if (pending !== undefined) this.#keys.add(toHex(pending.keys.signingKey))
    await rekeying.settle()
  }

  /** What the ceremony does in a process of its own. */
  async #prepare({ exchangeKey }: RekeyExchange): Promise<PreparedRekey> {
    const { nodeSecret, place } = this.#founded
    const next = { ...place, epoch: unwrap(decodeEpoch(this.#identity.keys.epoch + 1)) }
    const entry = rekeyEntry(nativePrimitives, nodeSecret, next)
    const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }
    const sealed = unwrap(await sealEpoch(tools, nodeSecret, { place: next, exchangeKey }))
    this.#record = { ...next, entry }
    return { entry, sealed }
  }

  /** Which node this is, under whatever key of its own. */
  had(signingKey: Uint8Array): boolean {
    return this.#keys.has(toHex(signingKey))
  }

  /** Offers to keep up to 100 fragments until a time. */
  async offer(until: Timestamp): Promise<void> {
    const { keystore, replica, transport } = this.context
    const body = { revision: 1, until, capacity: 100, addresses: transport.addresses() }
    unwrap(await replica.append([{ kind: "proxy-terms", body }], statementSigner(keystore), call))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#founded.nodeSecret[Symbol.dispose]()
  }

  /** What the daemon does by itself: ends grants that a crash cut off, makes grants again after a rekey, and works off revocations. */
  #background(context: NodeContext, { life, rekeying, remaking }: Pick<Running, "life" | "rekeying" | "remaking">): AsyncDisposable {
    const stop = new AbortController()
    const { signal } = stop
    const guard = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work
      } catch (error) {
        if (!signal.aborted && !life.isDead) this.#around.faults.push(`${this.name}: ${String(error)}`)
      }
    }
    const endGrants = async (): Promise<void> => {
      const resumed = await resumeGrants(context, { signal })
      if (!resumed.ok && !life.isDead) throw new Error(resumed.message)
      await Promise.all([retryGrants(context, { signal }), remaking.run({ signal })])
    }
    const work = Promise.all([guard(endGrants()), guard(retryRevocations(context, { signal })), guard(rekeying.run({ signal }))])
    return {
      [Symbol.asyncDispose]: async () => {
        stop.abort()
        await work
      },
    }
  }

  #rekeyed(identity: NodeIdentity): void {
    this.#identity = identity
    this.#keys.add(toHex(this.key))
  }

  #live(): Running {
    if (this.#running === undefined) throw new TypeError(`${this.name} does not run`)
    return this.#running
  }
}
