import { ok, unwrap, type Refusal } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeGeneration } from "@keygrove/hierarchy"
import { emptyHead, type LedgerSnapshot } from "@keygrove/ledger"
import { MemoryNetwork } from "@keygrove/memory"
import { decodeLedgerAnswer, decodeLedgerRequest, encodeLedgerAnswer, type LedgerAnswer, type LedgerRequest } from "@keygrove/peering"
import {
  followHost,
  LedgerReplica,
  openSnapshot,
  serveLedger,
  SnapshotKeeper,
  type FollowerLedgerEngine,
  type LedgerHostSource,
  type SnapshotContext,
  type Transport,
} from "@keygrove/service"
import { EmbeddedLedgerEngine } from "@keygrove/sqlite"
import { systemClock } from "@keygrove/system"
import {
  anchorName,
  kitEpochKeys,
  kitKey,
  kitPrimitives,
  kitSeed,
  signingName,
  type KitNode,
} from "../../packages/core/ledger/src/ledger-kit.contract.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const primitives = { ...nativePrimitives, ed25519: kitPrimitives.ed25519 }
const hostKey = kitKey("the host's line")
const host = { signingKey: hostKey, addresses: [] }
let followers = 0

/** A keystore in its first epoch, as far as snapshots need one. */
export function keystoreOf(node: KitNode): SnapshotContext["keystore"] {
  const { cluster, generation, path } = node
  const keys = kitEpochKeys(node, 1)
  return {
    state: () => "unlocked",
    identity: () => ({
      cluster,
      path,
      generation: unwrap(decodeGeneration(generation)),
      anchorKey: kitKey(anchorName(node)),
      keys,
      predecessors: [],
    }),
    sign: async (_purpose, message) => {
      using seed = kitSeed(signingName(node, 1))
      return ok(primitives.ed25519.sign(seed, message))
    },
  }
}

/** Changes what the host answers. */
export type Lie = (answer: LedgerAnswer, request: LedgerRequest) => LedgerAnswer

/** A host that prunes, served as a test likes it. */
export class PrunedHost implements AsyncDisposable {
  lie: Lie | undefined
  readonly requests: LedgerRequest[] = []
  readonly file: EmbeddedLedgerEngine
  readonly network: MemoryNetwork = new MemoryNetwork()
  readonly replica: LedgerReplica
  readonly keeper: SnapshotKeeper
  readonly #serving: AsyncDisposableStack

  private constructor(file: EmbeddedLedgerEngine, replica: LedgerReplica, signer: KitNode) {
    this.file = file
    this.replica = replica
    const context = { primitives, replica, keystore: keystoreOf(signer), clock: systemClock, snapshots: file.snapshots }
    this.keeper = SnapshotKeeper.start(context, { prunedTo: emptyHead().length, every: 1_000_000 })
    this.#serving = new AsyncDisposableStack()
    this.#serving.use(replica)
    this.#serving.use(this.keeper)
    const line = this.#serving.use(this.network.join(hostKey))
    const transport: Pick<Transport, "serve"> = {
      serve: (protocol, handler) =>
        line.serve(protocol, async (inbound, options) => {
          const answer = await handler(inbound, options)
          const request = decodeLedgerRequest(inbound.body)
          if (!request.ok || !(answer instanceof Uint8Array)) return answer
          this.requests.push(request.value)
          const told = unwrap(decodeLedgerAnswer(answer))
          return encodeLedgerAnswer(this.lie?.(told, request.value) ?? told)
        }),
    }
    const snapshots = { primitives, store: file.snapshots }
    this.#serving.use(serveLedger({ transport, engine: file, clock: systemClock, snapshots }))
  }

  static async open(path: string, entries: readonly Uint8Array[], signer: KitNode): Promise<PrunedHost> {
    const file = unwrap(EmbeddedLedgerEngine.open({ path, primitives }))
    const replica = unwrap(await LedgerReplica.open({ primitives, engine: file }, call))
    unwrap(await replica.appendEntries(entries, call))
    return new PrunedHost(file, replica, signer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#serving.disposeAsync()
  }
}

/** A follower that may start from a snapshot. */
export interface Follower extends AsyncDisposable {
  readonly copy: EmbeddedLedgerEngine
  readonly engine: FollowerLedgerEngine<LedgerHostSource>
  readonly replica: LedgerReplica
  readonly refused: Refusal[]
}

/** Starts to follow, with the copy at a path; `reader` is the node that it is. */
export async function follow(network: MemoryNetwork, path: string, reader: KitNode): Promise<Follower> {
  const copy = unwrap(EmbeddedLedgerEngine.open({ path, primitives }))
  const refused: Refusal[] = []
  const known: { replica?: LedgerReplica } = {}
  const folded = (): LedgerReplica | undefined => known.replica
  const open = async (): Promise<LedgerSnapshot | undefined> =>
    unwrap(
      await openSnapshot(
        { primitives, file: copy, snapshots: copy.snapshots, reader: { ...reader, signingKey: kitKey(signingName(reader, 1)) } },
        call,
      ),
    ).from
  const transport = network.join(kitKey(`follower ${followers++}`))
  const from = await open()
  const snapshots = { primitives, copy, reader, clock: systemClock, folded, onRefused: (refusal: Refusal) => refused.push(refusal) }
  const engine = followHost({ transport, host, copy, clock: systemClock, primitives, folded, snapshots })
  const replica = unwrap(await LedgerReplica.open({ primitives, engine, reopen: open, ...(from === undefined ? {} : { from }) }, call))
  known.replica = replica
  const dispose = async (): Promise<void> => {
    await replica[Symbol.asyncDispose]()
    await transport[Symbol.asyncDispose]()
  }
  return { copy, engine, replica, refused, [Symbol.asyncDispose]: dispose }
}
