import { createHash } from "node:crypto"
import { refuse, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { ClusterId, TrustStatement } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { foundNode, KeystoreEngine, type FoundedNode } from "@keygrove/keystore"
import { MemoryLedgerEngine, MemoryNetwork, MemoryStorage, seededRandom, SimulatedClock } from "@keygrove/memory"
import {
  KeyChainKeeper,
  KeyChains,
  LedgerReplica,
  Meetings,
  PeerGuard,
  statementSigner,
  TrustBook,
  TrustedClusters,
  type CallOptions,
  type Keystore,
  type LedgerEngine,
  type MeetingProgress,
  type ProtocolName,
  type Storage,
  type Transport,
} from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { unlockRecord } from "../../packages/adapters/keystore/src/unlock.ts"
import { lastingEngine, Lifeline, mortalEngine, mortalStorage, mortalTransport } from "./lifeline.ts"

/** For calls that nobody ends. */
export const call: CallOptions = { signal: new AbortController().signal }

/** What becomes of a request: as in {@link Town.fate}. */
export type Fate = "delivered" | "request lost" | "answer lost" | "twice"

/** Where people meet: one network and one clock. Each ledger is its own. */
export class Town implements AsyncDisposable {
  readonly clock: SimulatedClock = new SimulatedClock()
  readonly network: MemoryNetwork = new MemoryNetwork()
  readonly faults: string[] = []
  /** Decides the fate of every request of protocols `meet` and `chain`. */
  fate: (protocol: ProtocolName) => Fate = () => "delivered"
  readonly #people: Acquaintance[] = []

  /** A node of the cluster of a name, running, on a ledger that others may share. */
  async settle(cluster: string, name: string, ledger: MemoryLedgerEngine = this.ledger()): Promise<Acquaintance> {
    const person = new Acquaintance(this, { cluster, name, ledger })
    this.#people.push(person)
    await person.start()
    await person.introduce()
    return person
  }

  /** A ledger with nothing on it. */
  ledger(): MemoryLedgerEngine {
    return new MemoryLedgerEngine(nativePrimitives)
  }

  /** Lets time pass until something is so; fails after `limitMs` of simulated time. */
  async until(isSo: () => boolean | Promise<boolean>, limitMs = 120_000): Promise<void> {
    for (let passed = 0; passed <= limitMs; passed += 250) {
      if (await isSo()) return
      await this.clock.advance(250)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    throw new Error(`it did not come to that within ${limitMs} ms; faults: ${this.faults.join("; ")}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const person of this.#people) await person[Symbol.asyncDispose]()
  }
}

interface Running {
  readonly keystore: Keystore
  readonly replica: LedgerReplica
  readonly transport: Transport
  readonly storage: Storage
  readonly keyChains: KeyChains
  readonly book: TrustBook
  readonly trusted: TrustedClusters
  readonly keeper: KeyChainKeeper
  readonly meetings: Meetings
  readonly life: Lifeline
  readonly owned: AsyncDisposableStack
}

/** A node that meets others: real keystore, replica and use cases over fakes. Its disk outlives its process. */
export class Acquaintance implements AsyncDisposable {
  readonly #town: Town
  readonly #place: { readonly cluster: string; readonly name: string; readonly ledger: MemoryLedgerEngine }
  readonly #founded: FoundedNode
  readonly disk: MemoryStorage = new MemoryStorage()
  #starts = 0
  #running: Running | undefined

  constructor(town: Town, place: { readonly cluster: string; readonly name: string; readonly ledger: MemoryLedgerEngine }) {
    this.#town = town
    this.#place = place
    using seed = Secret.take(new Uint8Array(createHash("sha512").update(place.cluster).digest()))
    this.#founded = unwrap(foundNode(nativePrimitives, seed, place.name))
  }

  get cluster(): ClusterId {
    return this.#founded.identity.cluster
  }

  get key(): Uint8Array {
    return this.#founded.identity.keys.signingKey
  }

  get now(): Running {
    if (this.#running === undefined) throw new TypeError(`${this.#place.name} does not run`)
    return this.#running
  }

  async start(): Promise<void> {
    await using stack = new AsyncDisposableStack()
    const { clock, faults, network } = this.#town
    const life = new Lifeline()
    const random = seededRandom(`${this.#place.cluster}/${this.#place.name}/${++this.#starts}`)
    const tools = {
      primitives: nativePrimitives,
      sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
      random,
    }
    const keystore = stack.use(new KeystoreEngine(tools, unlockRecord(tools, this.#founded.nodeSecret, this.#founded.place)))
    const engine: LedgerEngine = mortalEngine(lastingEngine(this.#place.ledger), life)
    const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
    const line = mortalTransport(this.#lossy(network.join(this.key)), life)
    const transport = stack.use(new PeerGuard({ transport: line, replica, clock, own: this.cluster, predecessors: [], peers: "ledger" }))
    const storage = mortalStorage(this.disk, life)
    const context = { primitives: nativePrimitives, keystore, replica, storage, transport, clock, random }
    const log = (line: string): void => void faults.push(`${this.#place.name}: ${line}`)
    const keyChains = stack.use(unwrap(await KeyChains.open(context, call)))
    transport.alsoKnow((signingKey) => keyChains.isAnswered(signingKey))
    const book = unwrap(await TrustBook.open(storage, call))
    const trusted = new TrustedClusters({ context, keyChains, book })
    const meetings = stack.use(unwrap(await Meetings.open({ context, keyChains, book, log }, call)))
    const keeper = new KeyChainKeeper({ context, keyChains, book, isPending: (cluster) => meetings.isPending(cluster), log })
    this.#running = { keystore, replica, transport, storage, keyChains, book, trusted, keeper, meetings, life, owned: stack.move() }
  }

  /** Becomes known on its ledger. */
  async introduce(): Promise<void> {
    const { replica } = this.now
    const missing = this.#founded.genesis.filter((entry, index) => index > 0 || replica.judge([entry]).ok)
    unwrap(await replica.appendEntries(missing, call))
  }

  /** Writes trust on its ledger, without a meeting. */
  async trust(body: TrustStatement): Promise<void> {
    unwrap(await this.now.replica.append([{ kind: "trust", body }], statementSigner(this.now.keystore), call))
  }

  /** Ends the process, and starts it from what is on its disk. */
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.owned.disposeAsync()
  }

  async status(id: string): Promise<MeetingProgress> {
    return unwrap(await this.now.meetings.status(id, undefined, call))
  }

  /** What it says of a cluster in its list. */
  trustIn(cluster: ClusterId): ReturnType<TrustedClusters["list"]>[number] | undefined {
    return this.now.trusted.list().find(({ trust }) => trust.cluster === cluster)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#founded.nodeSecret[Symbol.dispose]()
  }

  #lossy(transport: Transport): Transport {
    return {
      addresses: () => transport.addresses(),
      peers: () => transport.peers(),
      serve: (protocol, handler) => transport.serve(protocol, handler),
      disconnect: (signingKey) => transport.disconnect(signingKey),
      move: async (identity, options) => await transport.move(identity, options),
      request: async (peer, protocol, body, options) => {
        const fate = this.#town.fate(protocol)
        if (fate === "request lost") return refuse("PEER_CLOSED", "the request was lost")
        const answers = [transport.request(peer, protocol, body, options)]
        if (fate === "twice") answers.push(transport.request(peer, protocol, body, options))
        const [answer] = await Promise.all(answers)
        return fate === "answer lost" || answer === undefined ? refuse("PEER_CLOSED", "the answer was lost") : answer
      },
      [Symbol.asyncDispose]: async () => await transport[Symbol.asyncDispose](),
    }
  }
}

/** A code shown by one and entered by the other, until both see words. */
export async function compareWords(
  town: Town,
  shower: Acquaintance,
  scanner: Acquaintance,
): Promise<{ readonly id: string; readonly words: string }> {
  const shown = unwrap(await shower.now.meetings.start(call))
  const entered = unwrap(await scanner.now.meetings.enter(shown.code ?? "", call))
  if (entered.id !== shown.id) throw new TypeError("the two sides call their meeting by different names")
  await town.until(async () => {
    const phases = await Promise.all([shower, scanner].map(async (each) => (await each.status(shown.id)).phase))
    return phases.every((phase) => phase !== "waiting" && phase !== "exchanging")
  })
  const [one, other] = [await shower.status(shown.id), await scanner.status(shown.id)]
  if (one.words?.join(" ") !== other.words?.join(" ")) throw new Error("the words differ")
  return { id: shown.id, words: one.words?.join(" ") ?? "" }
}

/** A whole meeting, with both people confirming. */
export async function meet(town: Town, shower: Acquaintance, scanner: Acquaintance): Promise<string> {
  const { id } = await compareWords(town, shower, scanner)
  for (const each of [shower, scanner]) unwrap(await each.now.meetings.confirm(id, undefined, call))
  await town.until(async () => (await shower.status(id)).phase === "done" && (await scanner.status(id)).phase === "done")
  return id
}
