import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { unwrap, utf8, type Result } from "@keygrove/base"
import { decodeKeyId, KEY_TYPES, keyTypeTraits, stateOf, type KeyEntry, type KeyId, type KeyState } from "@keygrove/keys"
import type { KeystoreProcess } from "@keygrove/keystore"
import type { KeyCall, KeyMaterialSource, NamedKeys, Sealing } from "@keygrove/service"
import type { TestHome } from "../node/node-process.ts"
import type { KeyChange, Step } from "./keystore-model.ts"

/** What a history runs on. */
export interface CrashSite {
  readonly home: TestHome
  /** For files that are read as keys, and for copies of the store. */
  readonly directory: string
  readonly sealing: Sealing
  /** Uniform numbers in [0, 1). */
  readonly random: () => number
}

export const call: KeyCall = { caller: "node", signal: new AbortController().signal }

/** What is encrypted and signed. */
const TEXT = Buffer.from("kept")
/** As often as they are here; destruction about as often as creation, so that the store stays small. */
const KINDS = [
  ...(["register", "register", "register", "derive"] as const),
  ...(["rotate", "rotate", "rotate", "disable", "enable", "use"] as const),
  ...(["destroy", "destroy", "destroy"] as const),
]
const STATES = { destroy: "destroyed", disable: "disabled", enable: "enabled" } as const satisfies Record<string, KeyState>

/** Calls to a keystore, each noted with what came back. */
export class Calls {
  readonly #site: CrashSite
  #steps: Step[] = []
  /** Ciphertexts of {@link TEXT} by `id:version`. */
  readonly #ciphertexts: Map<string, Uint8Array> = new Map()
  #made = 0

  constructor(site: CrashSite) {
    this.#site = site
  }

  /** In the order of their answers, the lost ones last. */
  get steps(): readonly Step[] {
    return this.#steps
  }

  /** Begins a new list of steps. */
  forget(): void {
    this.#steps = []
  }

  /** Signs, or decrypts what was encrypted earlier: `ok` or what is wrong; `undefined` when a version of its kind cannot be used any more. */
  async use(keys: NamedKeys, entry: KeyEntry, version: number): Promise<string | undefined> {
    const { id, type } = entry
    const isNewest = version === entry.versions.length
    const canDecrypt = keyTypeTraits(type).operations.includes("decrypt")
    const ciphertext = this.#ciphertexts.get(`${id}:${version}`)
    if (ciphertext !== undefined) {
      const opened = await this.#ask({ key: id, action: "decrypt" }, keys.decrypt({ id, ciphertext }, call))
      return opened.ok && !TEXT.equals(opened.value) ? "another text" : outcomeOf(opened)
    }
    if (!isNewest) return undefined
    if (!canDecrypt) return await this.#signAndVerify(keys, id, version)
    const sealed = await this.#ask({ key: id, action: "encrypt" }, keys.encrypt({ id, plaintext: TEXT }, call))
    if (sealed.ok) this.#ciphertexts.set(`${id}:${version}`, sealed.value)
    // What an x25519 key encrypts to is its public part, so only decryption shows that its secret is there.
    return sealed.ok ? await this.use(keys, entry, version) : outcomeOf(sealed)
  }

  /** One call of any kind, on any of the keys known. */
  async sendAny({ keystore }: KeystoreProcess, known: readonly KeyEntry[]): Promise<void> {
    const { keys } = keystore
    const [id, kind] = [this.#anyOf(known), this.#pick(KINDS)]
    if (kind === "register" || id === undefined) return await this.#register(keys, known, keystore.identity().keys.sealingKey)
    if (kind === "rotate") return await this.#change({ key: id, kind }, kind, keys.rotate(id, call))
    if (kind === "use") return void (await this.#ask({ key: id, action: "mac" }, keys.mac({ id, message: TEXT }, call)))
    if (kind === "derive") {
      const [child, type] = [this.#newId(), this.#pick(KEY_TYPES)]
      const told = { change: { key: child, kind: "create" }, entry: (entry: KeyEntry) => entry } as const
      return void (await this.#ask({ key: id, action: kind }, keys.derive({ id, child, type }, call), told))
    }
    const change = { state: STATES[kind], ...(this.#site.random() < 0.5 ? {} : { version: 1 }) }
    await this.#change({ key: id, kind: "state", ...change }, kind, keys.setState(id, change, call))
  }

  async #signAndVerify(keys: NamedKeys, id: KeyId, version: number): Promise<string> {
    const signed = await this.#ask({ key: id, action: "sign" }, keys.sign({ id, message: TEXT }, call))
    if (!signed.ok) return signed.code
    const order = { id, message: TEXT, signature: signed.value.signature, algorithm: signed.value.algorithm }
    const made = await this.#ask({ key: id, action: "verify" }, keys.verify(order, call))
    return made.ok && made.value.version !== version ? "a signature of another key" : outcomeOf(made)
  }

  async #register(keys: NamedKeys, known: readonly KeyEntry[], sealingKey: Uint8Array): Promise<void> {
    const again = known.length > 0 && this.#site.random() < 0.1 ? this.#pick(known) : undefined
    const [id, type] = [again?.id ?? this.#newId(), again?.type ?? this.#pick(KEY_TYPES)]
    const source = await this.#source(id, sealingKey)
    const made = keys.register({ id, type, source }, call)
    await this.#ask({ key: id, action: "register" }, made, { change: { key: id, kind: "create" }, entry: ({ entry }) => entry })
  }

  async #source(id: KeyId, sealingKey: Uint8Array): Promise<KeyMaterialSource> {
    const kind = this.#pick(["generate", "generate", "derive", "import", "file"] as const)
    if (kind === "generate" || kind === "derive") return { kind }
    // Below the order of every group.
    const secret = Buffer.concat([Buffer.of(0x11), randomBytes(31)])
    if (kind === "import")
      return { kind, sealed: unwrap(await this.#site.sealing.seal(sealingKey, secret, { info: utf8("keygrove/v1/key-import") })) }
    const path = `${this.#site.directory}/${id}`
    writeFileSync(path, secret.toString("hex"), { mode: 0o600 })
    return { kind, path }
  }

  async #change(change: KeyChange, action: Step["audited"]["action"], answer: Promise<Result<KeyEntry>>): Promise<void> {
    await this.#ask({ key: change.key, action }, answer, { change, entry: (entry) => entry })
  }

  /** Waits for an answer and notes it. */
  async #ask<T>(
    audited: Step["audited"],
    answer: Promise<Result<T>>,
    told?: { readonly change: KeyChange; readonly entry: (value: T) => KeyEntry },
  ): Promise<Result<T>> {
    const result = await answer
    const outcome = result.ok ? "ok" : result.code === "KEYSTORE_GONE" ? "lost" : result.code
    const entry = told !== undefined && result.ok ? { entry: told.entry(result.value) } : {}
    this.#steps.push({ audited, outcome, ...(told === undefined ? {} : { change: told.change }), ...entry })
    return result
  }

  /** Mostly one that lives, because the dead pile up. */
  #anyOf(known: readonly KeyEntry[]): KeyId | undefined {
    const among = this.#site.random() < 0.1 ? known : known.filter((entry) => stateOf(entry) !== "destroyed")
    return among.length === 0 ? undefined : this.#pick(among).id
  }

  #newId(): KeyId {
    return unwrap(decodeKeyId(`k${++this.#made}`))
  }

  #pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#site.random() * choices.length)]
    if (chosen === undefined) throw new RangeError("nothing to choose from")
    return chosen
  }
}

function outcomeOf(result: Result<unknown>): string {
  return result.ok ? "ok" : result.code
}
