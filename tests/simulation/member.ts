import { createHash } from "node:crypto"
import { ok, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "@keygrove/hpke"
import { decodeEpoch, deriveAnchor, deriveEpoch, makeRekey, noPreviousRekey, type Timestamp } from "@keygrove/hierarchy"
import { foundNode, KeystoreEngine, unlockNode, type FoundedNode } from "@keygrove/keystore"
import { findNode } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryStorage, seededRandom, type MemoryNetwork } from "@keygrove/memory"
import {
  FollowerLedgerEngine,
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
} from "@keygrove/service"
import { lastingEngine, Lifeline, mortalEngine, mortalStorage, mortalTransport } from "./lifeline.ts"
import type { Lie, Lines } from "./lines.ts"

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
  #identity: NodeIdentity
  #starts = 0
  #running: Running | undefined

  constructor(around: Surroundings, name: string) {
    using seed = Secret.take(new Uint8Array(createHash("sha512").update(`${around.seed}/${name}`).digest()))
    this.name = name
    this.#around = around
    this.#founded = unwrap(foundNode(nativePrimitives, seed, name))
    this.#identity = this.#founded.identity
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
    const { clock, host, lines, network, seed } = this.#around
    const random = seededRandom(`${seed}/${this.name}/${++this.#starts}`)
    const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random }
    const place = { ...this.#founded.place, epoch: this.#identity.keys.epoch }
    const keystore = stack.use(new KeystoreEngine(tools, unlockNode(nativePrimitives, this.#founded.nodeSecret, place)))
    const joined = lines.connect(this.key, network.join(this.key), () => this.lie)
    const transport = stack.use(mortalTransport(joined, life))
    const copy = lastingEngine(this.#copy)
    const engine = FollowerLedgerEngine.start({ transport, host, copy, clock, primitives: nativePrimitives })
    const options = { primitives: nativePrimitives, engine: mortalEngine(engine, life) }
    const replica = stack.use(unwrap(await LedgerReplica.open(options, call)))
    const storage = mortalStorage(this.storage, life)
    const labelTurns = new Turns()
    const context: NodeContext = { primitives: nativePrimitives, keystore, replica, storage, transport, clock, random, labelTurns }
    const proxy = stack.use(unwrap(await ProxyService.open(context, call)))
    const placement = new LedgerPlacement(replica, nativePrimitives, this.#identity)
    const remaking = new GrantRemaking(context, placement)
    stack.use(this.#background(context, remaking, life))
    this.#running = { context, proxy, placement, remaking, life, owned: stack.move(), startedAt: clock.now() }
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

  /** Names the keys of its next epoch on the ledger and starts again with them. */
  async rekey(): Promise<void> {
    const { nodeSecret, place } = this.#founded
    const epoch = unwrap(decodeEpoch(this.#identity.keys.epoch + 1))
    using secrets = deriveEpoch(nativePrimitives, nodeSecret, epoch)
    using anchor = deriveAnchor(nativePrimitives, nodeSecret)
    const { replica } = this.context
    const body = makeRekey(nativePrimitives, secrets, {
      ...place,
      previous: findNode(replica.state, place)?.lastRekey ?? noPreviousRekey(),
    })
    const signer = {
      cluster: place.cluster,
      path: place.path,
      key: anchor.publicKey,
      sign: async (message: Uint8Array) => await Promise.resolve(ok(nativePrimitives.ed25519.sign(anchor.seed, message))),
    }
    unwrap(await replica.append([{ kind: "rekey", body }], signer, call))
    await this.stop()
    this.#identity = { ...this.#identity, keys: body.keys }
    await this.start()
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
  #background(context: NodeContext, remaking: GrantRemaking, life: Lifeline): AsyncDisposable {
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
    const work = Promise.all([guard(endGrants()), guard(retryRevocations(context, { signal }))])
    return {
      [Symbol.asyncDispose]: async () => {
        stop.abort()
        await work
      },
    }
  }

  #live(): Running {
    if (this.#running === undefined) throw new TypeError(`${this.name} does not run`)
    return this.#running
  }
}
