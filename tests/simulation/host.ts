import { createHash } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeEpoch, type NodePlace } from "@keygrove/hierarchy"
import { foundNode, unlockNode, type FoundedNode } from "@keygrove/keystore"
import { MemoryLedgerEngine, type SimulatedClock } from "@keygrove/memory"
import { LedgerReplica, serveLedger, type CallOptions, type PeerAddress, type Transport } from "@keygrove/service"
import { rekeyEntry } from "../../packages/adapters/keystore/src/ceremony/prepare-rekey.ts"

const call: CallOptions = { signal: new AbortController().signal }

/** How the host comes onto the network under its first key. */
type Connect = (key: Uint8Array) => Transport

/** The host of a ledger: a node that does nothing else and never ends, but takes new keys like any other. */
export class Host implements AsyncDisposable {
  readonly engine: MemoryLedgerEngine
  readonly ledger: LedgerReplica
  /** Where everybody was told at first to find it. */
  readonly address: PeerAddress
  readonly #founded: FoundedNode
  readonly #transport: Transport
  readonly #owned: AsyncDisposableStack
  #place: NodePlace

  private constructor(founded: FoundedNode, ledger: Pick<Host, "engine" | "ledger">, transport: Transport, owned: AsyncDisposableStack) {
    this.engine = ledger.engine
    this.ledger = ledger.ledger
    this.address = { signingKey: founded.identity.keys.signingKey, addresses: transport.addresses() }
    this.#founded = founded
    this.#place = founded.place
    this.#transport = transport
    this.#owned = owned
  }

  /** Founds a ledger whose first entries are those of its host. */
  static async found(seed: string, clock: SimulatedClock, connect: Connect): Promise<Host> {
    await using owned = new AsyncDisposableStack()
    using entropy = Secret.take(new Uint8Array(createHash("sha512").update(`${seed}/host`).digest()))
    const founded = unwrap(foundNode(nativePrimitives, entropy, "host"))
    owned.use(founded.nodeSecret)
    const engine = new MemoryLedgerEngine(nativePrimitives)
    const ledger = owned.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
    unwrap(await ledger.appendEntries(founded.genesis, call))
    const transport = owned.use(connect(founded.identity.keys.signingKey))
    owned.use(serveLedger({ transport, engine, clock, replica: ledger }))
    return new Host(founded, { engine, ledger }, transport, owned.move())
  }

  get epoch(): number {
    return this.#place.epoch
  }

  /** Names its next keys on the ledger and goes on under them. */
  async rekey(): Promise<void> {
    const next = { ...this.#place, epoch: unwrap(decodeEpoch(this.#place.epoch + 1)) }
    const { nodeSecret } = this.#founded
    unwrap(await this.ledger.appendEntries([rekeyEntry(nativePrimitives, nodeSecret, next)], call))
    using node = unlockNode(nativePrimitives, nodeSecret, next)
    const { signingKey } = node.identity.keys
    unwrap(await this.#transport.move({ signingKey, sign: async () => await Promise.reject(new TypeError("no handshake here")) }, call))
    this.#place = next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}
