import { toHex, unwrap, utf8, type CborValue, type Result, type Secret } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { systemRandom } from "@keygrove/system"
import { createSealing } from "@keygrove/hpke"
import { decodeTimestamp, isSameNode, type Timestamp } from "@keygrove/hierarchy"
import type { PolicyState } from "@keygrove/ledger"
import { MemoryNetwork, seededRandom, SimulatedClock, type MemoryLedgerEngine } from "@keygrove/memory"
import { createUmbral, decodeLabel, deriveFileKey, encodeFileHeader, type FileHeader } from "@keygrove/reencryption"
import { grantPolicy, openHeader, useLabel, type LedgerReplica, type PeerAddress, type Transport } from "@keygrove/service"
import { Host } from "./host.ts"
import { Lines } from "./lines.ts"
import { call, Member, type Surroundings } from "./member.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const DAY_MS = 86_400_000

/** A file as far as sharing it goes: its header, and the key that only owner and readers may get. */
export interface SealedFile {
  readonly owner: Member
  readonly header: FileHeader
  readonly headerDigest: Uint8Array
  readonly fileKey: Secret
}

export interface GrantWish {
  readonly owner: Member
  readonly reader: Member
  readonly label: string
  readonly threshold: number
  readonly shares: number
  readonly expiresAt: Timestamp
}

/**
 * A grove in one process: real keystores, re-encryption, replicas and use cases; network, clock, disks and the ledger's file are the fakes of their ports.
 */
export class Grove implements AsyncDisposable, Surroundings {
  readonly seed: string
  readonly clock: SimulatedClock
  readonly network: MemoryNetwork
  readonly lines: Lines
  readonly members: Member[] = []
  readonly faults: string[] = []
  /** Everybody follows its ledger. */
  readonly ledgerHost: Host
  readonly #owned: AsyncDisposableStack

  private constructor(seed: string, parts: Pick<Grove, "clock" | "network" | "lines" | "ledgerHost">, owned: AsyncDisposableStack) {
    this.seed = seed
    this.clock = parts.clock
    this.network = parts.network
    this.lines = parts.lines
    this.ledgerHost = parts.ledgerHost
    this.#owned = owned
  }

  /** A grove with a ledger and nobody in it but the ledger's host. Keys and nonces depend on the seed. */
  static async plant(seed: string): Promise<Grove> {
    await using owned = new AsyncDisposableStack()
    const clock = new SimulatedClock()
    const [network, lines] = [new MemoryNetwork(clock), new Lines()]
    const connect = (key: Uint8Array): Transport => lines.connect({ name: "the host", key }, network.join(key), () => undefined)
    const ledgerHost = owned.use(await Host.found(seed, clock, connect))
    return new Grove(seed, { clock, network, lines, ledgerHost }, owned.move())
  }

  /** Where the host was at first: by its first key the lines know it for ever. */
  get host(): PeerAddress {
    return this.ledgerHost.address
  }

  /** The host's view of the ledger. */
  get ledger(): LedgerReplica {
    return this.ledgerHost.ledger
  }

  get engine(): MemoryLedgerEngine {
    return this.ledgerHost.engine
  }

  /** A node that runs and is known to all. */
  async join(name: string): Promise<Member> {
    const member = this.#owned.use(new Member(this, name))
    await member.start()
    await member.introduce()
    this.members.push(member)
    return member
  }

  /** A node that serves as a proxy too. */
  async joinProxy(name: string): Promise<Member> {
    const member = await this.join(name)
    await member.offer(this.at(90 * DAY_MS))
    return member
  }

  at(offsetMs: number): Timestamp {
    return unwrap(decodeTimestamp(this.clock.now() + offsetMs))
  }

  /** Lets everything under way end, and everybody who can reach the ledger catch up. Moves no clock. */
  async settle(): Promise<void> {
    await this.#quiet()
    for (const member of this.members) {
      if (!member.isRunning || member.life.isDead || !this.lines.reaches(member.key, this.host.signingKey)) continue
      unwrap(await member.context.replica.refresh(call))
    }
    await this.#quiet()
    if (this.faults.length > 0) throw new Error(`failed in the background: ${this.faults.join("; ")}`)
  }

  /** Lets time pass, in which everybody does what is due. */
  async pass(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs, async () => await this.#quiet())
    await this.settle()
  }

  async #quiet(): Promise<void> {
    do await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.lines.asked > 0 || this.members.some((member) => member.isRunning && member.remaking.isWorking))
  }

  async encrypt(owner: Member, label: string): Promise<SealedFile> {
    const { curve, sha256 } = nativePrimitives
    const used = unwrap(await useLabel(owner.context, unwrap(decodeLabel(label)), call))
    const umbral = createUmbral({ curve, sha256, random: seededRandom(`${this.seed}/${owner.name}/${label}/${this.clock.now()}`) })
    const made = umbral.encapsulate(unwrap(curve.decodePoint(used.labelKey)))
    using keySeed = made.keySeed
    const header: FileHeader = {
      suite: "aes-256-gcm",
      owner: used.owner,
      label: unwrap(decodeLabel(label)),
      epoch: used.epoch,
      labelKey: used.labelKey,
      capsule: umbral.encodeCapsule(made.capsule),
    }
    const headerDigest = sha256(encodeFileHeader(header))
    return { owner, header, headerDigest, fileKey: this.#owned.use(deriveFileKey(nativePrimitives, keySeed, headerDigest)) }
  }

  async grant({ owner, reader, ...order }: GrantWish): Promise<Result<PolicyState>> {
    const { encryptionKey, signingKey } = reader.identity.keys
    const granted = await grantPolicy(owner.context, owner.placement, { ...order, reader: { encryptionKey, signingKey } }, call)
    if (owner.isRunning) owner.remaking.wake()
    return granted
  }

  /** "opened" when the member gets the file's key; otherwise why not. */
  async read(member: Member, { fileKey, header, headerDigest }: SealedFile): Promise<string> {
    const pair = await hpkeSealing.generateKeyPair()
    using secretKey = pair.secretKey
    const opened = await openHeader(member.context, { header, headerDigest, recipientKey: pair.publicKey }, call)
    if (!opened.ok) return opened.code
    using key = unwrap(await hpkeSealing.open(secretKey, opened.value.sealedFileKey, { info: utf8("keygrove/v1/file-key-release") }))
    return key.equals(fileKey) ? "opened" : "WRONG KEY"
  }

  /** The members that a policy names as its proxies. */
  proxiesOf({ grant }: PolicyState): readonly Member[] {
    return this.members.filter(({ identity }) => grant.proxies.some((proxy) => isSameNode(proxy, identity)))
  }

  /** Digests of the fragments on a member's disk, by policy id. */
  async fragmentsOf({ storage }: Member): Promise<ReadonlyMap<string, string>> {
    const records = unwrap(await storage.list("fragment", { limit: 1_000 }, call))
    return new Map(records.map(({ key, value }) => [key, digestOf(value)]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

function digestOf(record: CborValue): string {
  const digest = typeof record === "object" && record !== null && "digest" in record ? record["digest"] : undefined
  if (!(digest instanceof Uint8Array)) throw new TypeError("a fragment's record has no digest")
  return toHex(digest)
}
