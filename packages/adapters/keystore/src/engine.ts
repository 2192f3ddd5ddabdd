import { ok, refuse, utf8, wipeableCopy, type RandomBytes, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { labelSecret } from "@keygrove/hierarchy"
import { createUmbral, decodeLabel, deriveFileKey, type Umbral } from "@keygrove/reencryption"
import type {
  CallOptions,
  Keystore,
  KeystoreRefusal,
  LabelKeyName,
  NodeIdentity,
  OriginalOpening,
  PendingRekey,
  PieceKeys,
  PreparedRekey,
  ReencryptedOpening,
  ReencryptionOrder,
  RekeyExchange,
  Sealing,
  SigningPurpose,
} from "@keygrove/service"
import { DelegationDesk } from "./delegation-desk.ts"
import { FragmentDesk } from "./fragment-desk.ts"
import { NodeEpochs } from "./node-epochs.ts"
import type { UnlockedNode } from "./node-secrets.ts"
import { PieceDesk, type PieceMeans } from "./piece-desk.ts"
import { RekeyDesk } from "./rekey-desk.ts"
import { RekeyListeners } from "./rekey-listeners.ts"
import { maySign } from "./signing-domains.ts"

/** What the keystore needs of its platform. */
export interface KeystoreTools {
  readonly primitives: Primitives
  readonly sealing: Sealing
  readonly random: RandomBytes
}

/** Bound into every file key that leaves. */
const RELEASE_INFO = utf8("keygrove/v1/file-key-release")

/**
 * The keystore itself, over the secrets of one unlocked node, which it owns: locking or disposing wipes them. Runs inside the keystore process;
 * simulations run it in theirs, with keys that guard nothing.
 */
export class KeystoreEngine implements Keystore, PieceKeys {
  readonly #tools: KeystoreTools
  readonly #umbral: Umbral
  readonly #node: UnlockedNode
  readonly #epochs: NodeEpochs
  readonly #desk: FragmentDesk
  readonly #rekeys: RekeyDesk
  readonly #pieces: PieceDesk
  readonly #delegations: DelegationDesk
  readonly #listeners = new RekeyListeners()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Resolves when a rekey that waits for the calls under way has ended; new ones wait for it. */
  #rekeying: Promise<unknown> | undefined
  #unlocked = true

  /** @param pieces of a keystore that pieces can open; borrowed. */
  constructor(tools: KeystoreTools, node: UnlockedNode, pieces?: PieceMeans) {
    const { curve, sha256 } = tools.primitives
    this.#tools = tools
    this.#node = node
    this.#umbral = createUmbral({ curve, sha256, random: tools.random })
    this.#epochs = new NodeEpochs(tools.primitives, node)
    this.#desk = new FragmentDesk(tools, this.#umbral, { node, epochs: this.#epochs })
    this.#rekeys = new RekeyDesk(tools, node, (state) => pieces?.runs.keep(state))
    const means = pieces === undefined ? {} : { means: pieces }
    this.#pieces = new PieceDesk(tools, { node, epochs: this.#epochs, ...means })
    this.#delegations = new DelegationDesk(tools, { node, ...means })
  }

  state(): "unlocked" | "locked" {
    return this.#unlocked ? "unlocked" : "locked"
  }

  identity(): NodeIdentity {
    return this.#node.identity
  }

  async sign(purpose: SigningPurpose, message: Uint8Array, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    return await this.#perform(options, () => {
      if (!maySign(purpose, message)) return invalid(`${message.length} bytes are not a ${purpose} that this key signs`)
      return ok(this.#tools.primitives.ed25519.sign(this.#node.secrets.signing, message))
    })
  }

  async labelPublicKey(name: LabelKeyName, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    const { curve } = this.#tools.primitives
    return await this.#perform(options, () => this.#withLabelKey(name, (key) => ok(curve.encodePoint(curve.basePointTimesSecret(key)))))
  }

  async openOriginal(opening: OriginalOpening, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    return await this.#perform(options, async () => {
      const capsule = this.#umbral.decodeCapsule(opening.capsule)
      if (!capsule.ok) return refuse("CAPSULE_INVALID", capsule.message)
      const seed = this.#withLabelKey(opening, (key) => this.#umbral.openOriginal(key, capsule.value))
      if (!seed.ok) return seed.code === "KEYSTORE_REQUEST_INVALID" ? invalid(seed.message) : refuse("CAPSULE_INVALID", seed.message)
      return await this.#release(seed.value, opening)
    })
  }

  generateFragments: Keystore["generateFragments"] = async (order, options) =>
    await this.#perform(options, async () => {
      const key = this.#labelKey(order)
      if (!key.ok) return key
      using labelKey = key.value
      return await this.#desk.generate(order, labelKey)
    })

  acceptFragment: Keystore["acceptFragment"] = async (acceptance, options) =>
    await this.#perform(options, () => this.#desk.accept(acceptance))

  async reencrypt(order: ReencryptionOrder, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    return await this.#perform(options, () => this.#desk.reencrypt(order))
  }

  async openReencrypted(opening: ReencryptedOpening, options: CallOptions): Promise<Result<Uint8Array, KeystoreRefusal>> {
    return await this.#perform(options, async () => {
      const seed = this.#desk.combine(opening)
      return seed.ok ? await this.#release(seed.value, opening) : seed
    })
  }

  bootKeys: PieceKeys["bootKeys"] = async (options) => await this.#perform(options, async () => await this.#pieces.bootKeys(options))

  slots: PieceKeys["slots"] = async (options) => await this.#perform(options, () => this.#pieces.slots())

  keepSlots: PieceKeys["keepSlots"] = async (publicKeys, options) => await this.#perform(options, () => this.#pieces.keepSlots(publicKeys))

  share: PieceKeys["share"] = async (order, options) => await this.#perform(options, async () => await this.#pieces.share(order, options))

  acceptPiece: PieceKeys["acceptPiece"] = async (acceptance, options) =>
    await this.#perform(options, async () => await this.#pieces.accept(acceptance))

  returnPiece: PieceKeys["returnPiece"] = async (order, options) => await this.#perform(options, async () => await this.#pieces.give(order))

  provePiece: PieceKeys["provePiece"] = async (order, options) => await this.#perform(options, () => this.#pieces.prove(order))

  subshare: PieceKeys["subshare"] = async (order, options) => await this.#perform(options, async () => await this.#pieces.subshare(order))

  combineSubpieces: PieceKeys["combineSubpieces"] = async (order, options) =>
    await this.#perform(options, async () => await this.#pieces.combine(order))

  delegateStart: PieceKeys["delegateStart"] = async (card, options) =>
    await this.#perform(options, async () => await this.#delegations.delegate(card, options))

  delegatedStart: PieceKeys["delegatedStart"] = async (options) => await this.#perform(options, () => this.#delegations.find())

  endDelegatedStart: PieceKeys["endDelegatedStart"] = async (options) => await this.#perform(options, () => this.#delegations.end())

  pendingRekey(): PendingRekey | undefined {
    return this.#node.pending
  }

  onRekey(listener: (identity: NodeIdentity) => void): Disposable {
    return this.#listeners.add(listener)
  }

  async beginRekey(options: CallOptions): Promise<Result<RekeyExchange, KeystoreRefusal>> {
    return await this.#perform(options, async () => await this.#rekeys.begin())
  }

  async acceptRekey(prepared: PreparedRekey, options: CallOptions): Promise<Result<PendingRekey, KeystoreRefusal>> {
    return await this.#perform(options, async () => await this.#rekeys.accept(prepared))
  }

  async finishRekey(options: CallOptions): Promise<Result<NodeIdentity, KeystoreRefusal>> {
    options.signal.throwIfAborted()
    if (!this.#unlocked) return locked()
    const finished = Promise.allSettled([this.#rekeying, ...this.#underWay]).then(() => {
      options.signal.throwIfAborted()
      return this.#unlocked ? this.#rekeys.finish() : locked()
    })
    const gate = finished.catch(() => undefined)
    this.#rekeying = gate
    try {
      const identity = await finished
      if (identity.ok) this.#listeners.tell(identity.value)
      return identity
    } finally {
      if (this.#rekeying === gate) this.#rekeying = undefined
    }
  }

  async lock(_options: CallOptions): Promise<Result<true>> {
    await this[Symbol.asyncDispose]()
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlocked = false
    this.#desk[Symbol.dispose]()
    this.#pieces[Symbol.dispose]()
    this.#rekeys[Symbol.dispose]()
    this.#node[Symbol.dispose]()
    await Promise.resolve()
  }

  async #perform<T, Code extends string>(
    { signal }: CallOptions,
    work: () => Result<T, Code> | Promise<Result<T, Code>>,
  ): Promise<Result<T, Code | "KEYSTORE_LOCKED">> {
    signal.throwIfAborted()
    if (!this.#unlocked) return locked()
    while (this.#rekeying !== undefined) await this.#rekeying
    signal.throwIfAborted()
    if (!this.#unlocked) return locked()
    const done = Promise.withResolvers<undefined>()
    this.#underWay.add(done.promise)
    try {
      const result = await work()
      signal.throwIfAborted()
      return this.#unlocked ? result : locked()
    } catch (error) {
      // Locking wipes the secrets under the hands of whoever works with them.
      if (!this.#unlocked && !signal.aborted) return locked()
      throw error
    } finally {
      this.#underWay.delete(done.promise)
      done.resolve(undefined)
    }
  }

  /** The file key of a seed, sealed to the caller; the seed is wiped. */
  async #release(
    keySeed: Secret,
    { headerDigest, recipientKey }: Pick<OriginalOpening, "headerDigest" | "recipientKey">,
  ): Promise<Result<Uint8Array, KeystoreRefusal>> {
    using seed = keySeed
    if (headerDigest.length !== 32) return invalid(`header digest has ${headerDigest.length} bytes; expected 32`)
    using fileKey = deriveFileKey(this.#tools.primitives, seed, headerDigest)
    const bytes = wipeableCopy(fileKey)
    try {
      const sealed = await this.#tools.sealing.seal(recipientKey, bytes, { info: RELEASE_INFO })
      return sealed.ok ? sealed : invalid(sealed.message)
    } finally {
      bytes.fill(0)
    }
  }

  #withLabelKey<T, Code extends string>(
    name: LabelKeyName,
    use: (key: Secret) => Result<T, Code>,
  ): Result<T, Code | "KEYSTORE_REQUEST_INVALID"> {
    const key = this.#labelKey(name)
    if (!key.ok) return key
    using labelKey = key.value
    return use(labelKey)
  }

  #labelKey({ cluster, epoch, label }: LabelKeyName): Result<Secret, "KEYSTORE_REQUEST_INVALID"> {
    const checked = decodeLabel(label)
    if (!checked.ok) return invalid(checked.message)
    const secrets = this.#epochs.at(epoch, cluster)
    return secrets.ok ? ok(labelSecret(this.#tools.primitives, secrets.value.labels, checked.value)) : secrets
  }
}

function locked(): ReturnType<typeof refuse<"KEYSTORE_LOCKED">> {
  return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; `keygrove unlock` opens them")
}

function invalid(message: string): ReturnType<typeof refuse<"KEYSTORE_REQUEST_INVALID">> {
  return refuse("KEYSTORE_REQUEST_INVALID", message)
}
