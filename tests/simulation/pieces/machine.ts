import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives, verifyDeviceSignature } from "@keygrove/curves-native"
import { decodeTimestamp, type NodePath } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { decodeLedgerIndex } from "@keygrove/ledger"
import type { EvidenceDemand } from "@keygrove/pieces"
import {
  bootSecretOf,
  KEYSTORE_MIGRATIONS,
  LockedEngine,
  RUN_MIGRATIONS,
  unlockKeystore,
  unlockNode,
  type BootSecretSource,
  type KeystoreTools,
  type UnlockedKeystore,
} from "@keygrove/keystore"
import {
  MemoryAttester,
  MemoryLedgerEngine,
  MemoryStorage,
  MemoryTpm,
  seededRandom,
  type MemoryNetwork,
  type SimulatedClock,
} from "@keygrove/memory"
import {
  CustodyKeeper,
  DEFAULT_WAITS,
  followHost,
  LedgerReplica,
  PeerGuard,
  PieceDesk,
  statementSigner,
  Turns,
  unlockByPieces,
  type AttesterMemory,
  type Clock,
  type InboundRequest,
  type NodeContext,
  type PeerAddress,
  type PiecesContext,
  type StorageSlot,
  type Transport,
  type UnlockProgress,
} from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { memoryInProcess } from "../../../packages/service/src/ports/attester.contract.ts"
import { holdRekey } from "../../../packages/adapters/keystore/src/ceremony/rekey.ts"
import { RunStore } from "../../../packages/adapters/keystore/src/run-store.ts"
import { storeNode } from "../../../packages/adapters/keystore/src/ceremony/store-node.ts"
import type { CeremonyStage } from "../../../packages/adapters/keystore/src/ceremony/ceremony-kit.contract.ts"
import { lastingEngine, Lifeline, mortalEngine, mortalStorage, mortalTransport } from "../lifeline.ts"
import type { Lie, Lines } from "../lines.ts"
import { call } from "../member.ts"
import { Rekeying } from "../rekeying.ts"
import type { Busy } from "./busy.ts"
import type { FoundedMember } from "./founded-members.ts"

/** What a machine is in the midst of. */
export interface World {
  readonly seed: string
  readonly clock: SimulatedClock
  readonly network: MemoryNetwork
  readonly lines: Lines
  readonly host: PeerAddress
  readonly stage: CeremonyStage
  readonly busy: Busy
  readonly faults: string[]
  /** Sees what a machine answers to whom. */
  readonly witness: (machine: Machine, asked: InboundRequest, answer: Uint8Array) => void
}

/** What it has while it runs unlocked. */
interface Running {
  readonly context: PiecesContext
  readonly desk: PieceDesk
  readonly keeper: CustodyKeeper
  readonly rekeying: Rekeying
  readonly life: Lifeline
  readonly owned: AsyncDisposableStack
}

type OpenKeystore = PiecesContext["keystore"]

/**
 * One member of a cluster: a real keystore over a real database, a replica, the desk and the keeper of key pieces over fakes. Its disk outlives its process, which can be killed at any of its
 * effects, and started again with its key file or by its pieces.
 */
export class Machine implements AsyncDisposable {
  readonly name: string
  readonly path: NodePath
  /** The key by which the lines know it for ever. */
  firstKey: Uint8Array
  readonly storage: MemoryStorage = new MemoryStorage()
  database: DatabaseSync = new DatabaseSync(":memory:")
  readonly log: string[] = []
  /** Of the machine, not of the disk. */
  tpm: MemoryTpm
  lie: Lie | undefined
  /** How far its wall clock is ahead of the world's. */
  skewMs = 0
  readonly #clock: Clock = {
    now: () => unwrap(decodeTimestamp(this.#world.clock.now() + this.skewMs)),
    sleep: async (durationMs, options) => await this.#world.clock.sleep(durationMs, options),
  }
  readonly #world: World
  readonly #tools: KeystoreTools
  #copy = new MemoryLedgerEngine(nativePrimitives)
  /** What its TPM wrapped, on its disk. */
  readonly attesterMemory: AttesterMemory = memoryInProcess()
  readonly #boot: Secret = Secret.take(systemRandom(32))
  readonly #bootSource: BootSecretSource = bootSecretOf(this.#boot)
  #running: Running | undefined
  #starts = 0

  constructor(world: World, name: string, founded: FoundedMember) {
    this.name = name
    this.path = founded.place.path
    this.tpm = new MemoryTpm(seededRandom(`${world.seed}/${name}/tpm`))
    this.#world = world
    // What a keystore makes need not depend on the seed; what happens when does.
    this.#tools = {
      primitives: nativePrimitives,
      sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
      random: systemRandom,
    }
    this.firstKey = this.#hold(founded)
  }

  /** Its node was issued again: while it is off, it gets another keystore. The rest of its disk stays. */
  reissue(founded: FoundedMember): void {
    this.database.close()
    this.database = new DatabaseSync(":memory:")
    this.firstKey = this.#hold(founded)
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  get isDead(): boolean {
    return this.#running?.life.isDead ?? false
  }

  get context(): PiecesContext {
    return this.#live().context
  }

  get desk(): PieceDesk {
    return this.#live().desk
  }

  get keeper(): CustodyKeeper {
    return this.#live().keeper
  }

  get life(): Lifeline {
    return this.#live().life
  }

  /** Over the TPM of now; what that wrapped lies on the disk. */
  get attester(): MemoryAttester {
    return new MemoryAttester(this.tpm, this.attesterMemory)
  }

  /** The ways in that are on its disk. */
  slots(): readonly StorageSlot[] {
    return new RunStore(this.database, this.#tools).slots()
  }

  /** Starts it with its key file. */
  async start(): Promise<void> {
    const { keystore, vaultSecrets } = this.#openByFile()
    await this.#run(keystore, vaultSecrets)
  }

  /** Starts it locked and has it unlocked by its pieces, if that can be until the signal fires; then it goes on as after {@link start}. */
  async startByPieces(
    options: { readonly signal: AbortSignal },
    onProgress?: (progress: UnlockProgress) => void,
  ): Promise<Result<unknown>> {
    const opened = await LockedEngine.open(this.database, this.#tools, this.#bootSource, options)
    if (!opened.ok) return opened
    const keystore = this.#world.busy.watchKeystore(opened.value)
    const unlocked = await this.#unlock(keystore, options, onProgress)
    await keystore[Symbol.asyncDispose]()
    if (!unlocked.ok) return unlocked
    await this.#run(unlocked.value.keystore)
    return unlocked
  }

  /** Ends the process, however dead it is already. Its disk stays. */
  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.owned.disposeAsync()
  }

  /** Its copy of the ledger is as it was at a length, as after a loss of power: the end of it had not reached the disk. */
  async forgetEntries(length: number): Promise<void> {
    const copy = new MemoryLedgerEngine(nativePrimitives)
    for (let index = 0; index < length; index++) {
      const { entries } = unwrap(await this.#copy.read(unwrap(decodeLedgerIndex(index)), 1, call))
      unwrap(await copy.append(entries, await copy.head(call), call))
    }
    this.#copy = copy
  }

  /** Becomes a member, without waiting for what follows. */
  async announce(unlock: "auto" | "approve" = "auto", evidence?: EvidenceDemand): Promise<Result<unknown>> {
    const { keystore, replica, transport } = this.context
    const keys = unwrap(await keystore.bootKeys(call))
    const custody = replica.state.clusters.get(keystore.identity().cluster)?.custody
    const revision = (custody?.members.get(this.path)?.revision ?? custody?.left.get(this.path) ?? 0) + 1
    const body = {
      revision,
      bootSigningKey: keys.signingKey,
      bootSealingKey: keys.sealingKey,
      unlock,
      ...(evidence === undefined ? {} : { evidence }),
      addresses: [...transport.addresses()],
    }
    return await replica.append([{ kind: "custody-joined", body }], statementSigner(keystore), call)
  }

  /** What its TPM shows now. */
  async evidence(): Promise<EvidenceDemand> {
    const { publicArea } = unwrap(await this.attester.enrol(call))
    const { pcrDigest, pcrs } = unwrap(await this.attester.measure([0, 7], call))
    return { family: "tpm2", attestationKey: publicArea, pcrs, digests: [pcrDigest] }
  }

  /** Takes its next epoch while it runs; what is cut off there the background ends. */
  async rekey(): Promise<void> {
    const { context, rekeying } = this.#live()
    const exchange = await context.keystore.beginRekey(call)
    if (exchange.ok) {
      const { cluster, generation, keys, path } = context.keystore.identity()
      const order = { place: { cluster, path, generation, epoch: keys.epoch }, unlock: this.#world.stage.unlock, exchange: exchange.value }
      const { entry, sealed } = unwrap(await this.#world.busy.track(holdRekey(this.database, this.#tools, order, call)))
      if (sealed === undefined) throw new TypeError("what an exchange asks for is sealed to it")
      unwrap(await context.keystore.acceptRekey({ entry, sealed }, call))
    }
    await rekeying.settle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#boot[Symbol.dispose]()
    this.database.close()
  }

  /** Makes its keystore; returns its key. */
  #hold(founded: FoundedMember): Uint8Array {
    for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) this.database.exec(sql)
    using secret = this.#keyBytes()
    const { nodeSecret } = founded
    unwrap(storeNode(this.database, this.#tools, { method: "key-file", secret }, { place: founded.place, nodeSecret }))
    return unlockedKey(this.#tools, founded)
  }

  async #unlock(
    keystore: LockedEngine,
    options: { readonly signal: AbortSignal },
    onProgress: ((progress: UnlockProgress) => void) | undefined,
  ): ReturnType<typeof unlockByPieces> {
    await using owned = new AsyncDisposableStack()
    const { lines, network, seed } = this.#world
    const clock = this.#clock
    const key = keystore.bootKeys.signingKey
    const transport = owned.use(lines.connect({ name: this.name, key }, network.join(key), () => undefined))
    const replica = await this.#follow(transport, new Lifeline(), owned)
    const random = seededRandom(`${seed}/${this.name}/${++this.#starts}`)
    const { attester } = this
    const tools = { attester, primitives: nativePrimitives, clock, random, log: (line: string) => this.log.push(line) }
    return await unlockByPieces({ keystore, transport, replica, ...tools }, options, onProgress)
  }

  async #run(opened: OpenKeystore, vaultSecrets?: Disposable): Promise<void> {
    if (this.#running !== undefined) throw new TypeError(`${this.name} runs already`)
    await using owned = new AsyncDisposableStack()
    const { busy, lines, network, seed } = this.#world
    const clock = this.#clock
    if (vaultSecrets !== undefined) owned.use(vaultSecrets)
    const keystore = owned.use(busy.watchKeystore(opened))
    const life = new Lifeline()
    const key = keystore.identity().keys.signingKey
    const line = lines.connect({ name: this.name, key }, network.join(key), () => this.lie)
    const transport = owned.use(mortalTransport(line, life))
    const replica = await this.#follow(transport, life, owned)
    const { cluster } = keystore.identity()
    const guard = owned.use(new PeerGuard({ transport, replica, clock, own: cluster, predecessors: [], peers: "trusted" }))
    const random = seededRandom(`${seed}/${this.name}/${++this.#starts}`)
    const parts = {
      primitives: nativePrimitives,
      keystore,
      attester: this.attester,
      verifyDeviceSignature,
      replica,
      transport: this.#watched(guard),
      clock,
      random,
      waits: DEFAULT_WAITS,
      log: (line: string) => this.log.push(line),
    }
    const context: PiecesContext = { ...parts, storage: mortalStorage(this.storage, life) }
    const desk = owned.use(unwrap(await PieceDesk.open(context, call)))
    const keeper = new CustodyKeeper(context, desk)
    const node: NodeContext = { ...context, labelTurns: new Turns() }
    const rekeying = new Rekeying(node, life, () => undefined)
    const running = { context, desk, keeper, rekeying, life }
    owned.use(this.#background(running))
    this.#running = { ...running, owned: owned.move() }
  }

  /** A transport whose answers about pieces are seen by the world. */
  #watched(guard: PeerGuard): Transport {
    return {
      addresses: () => guard.addresses(),
      peers: () => guard.peers(),
      request: async (peer, protocol, body, options) => await guard.request(peer, protocol, body, options),
      serve: (protocol, handler) =>
        guard.serve(protocol, async (asked, options) => {
          const answer = await this.#world.busy.track(handler(asked, options))
          if (!("ok" in answer)) this.#world.witness(this, asked, answer)
          return answer
        }),
      disconnect: (signingKey) => guard.disconnect(signingKey),
      move: async (identity, options) => await guard.move(identity, options),
      [Symbol.asyncDispose]: async () => await guard[Symbol.asyncDispose](),
    }
  }

  async #follow(transport: Transport, life: Lifeline, owned: AsyncDisposableStack): Promise<LedgerReplica> {
    const { clock, host } = this.#world
    const view: { replica?: LedgerReplica } = {}
    const engine = followHost({
      transport,
      host,
      copy: lastingEngine(this.#copy),
      clock,
      primitives: nativePrimitives,
      folded: () => view.replica,
    })
    const replica = owned.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine: mortalEngine(engine, life) }, call)))
    view.replica = replica
    return replica
  }

  /** What the daemon does by itself. */
  #background({ keeper, life, rekeying }: Omit<Running, "owned">): AsyncDisposable {
    const stop = new AbortController()
    const guard = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work
      } catch (error) {
        if (!stop.signal.aborted && !life.isDead) this.#world.faults.push(`${this.name}: ${String(error)}`)
      }
    }
    const work = Promise.all([guard(keeper.run(stop)), guard(rekeying.run(stop))])
    return {
      [Symbol.asyncDispose]: async () => {
        stop.abort()
        await work
      },
    }
  }

  #openByFile(): UnlockedKeystore {
    using secret = this.#keyBytes()
    return unwrap(unlockKeystore(this.database, this.#tools, { method: "key-file", secret }, this.#bootSource))
  }

  #keyBytes(): Secret {
    return Secret.take(Uint8Array.from(this.#world.stage.keyBytes))
  }

  #live(): Running {
    if (this.#running === undefined) throw new TypeError(`${this.name} does not run`)
    return this.#running
  }
}

/** The signing key of a node in its first epoch. */
function unlockedKey({ primitives }: KeystoreTools, { nodeSecret, place }: FoundedMember): Uint8Array {
  using node = unlockNode(primitives, nodeSecret, place)
  return node.identity.keys.signingKey
}
