import { ok, refuse, type Result, type Secret } from "@keygrove/base"
import type { Timestamp, VaultSecrets } from "@keygrove/hierarchy"
import {
  DEFAULT_KEY_BACKEND,
  OPEN_RULES,
  rotated,
  satisfiesOrder,
  withRules,
  withState,
  type KeyEntry,
  type KeyId,
  type KeyRules,
  type KeySource,
  type KeyType,
} from "@keygrove/keys"
import type { CallOptions, KeyBackend, KeyRegistration, MadeKey, NamedKeyRefusal, NamedKeys, NewKey } from "@keygrove/service"
import { unsupportedBy, type KeyBackends } from "./key-backends.ts"
import { deriveSecret } from "./key-secrets.ts"
import { sourceSecret, type KeyVariables, type SourceTools } from "./key-source.ts"
import { KeyTurns } from "./key-turns.ts"
import type { KeyRecords } from "./key-records.ts"
import { MAX_PRELOADED_KEYS, type PreloadedRecords } from "./preloaded-records.ts"
import { locked, type UseGuard } from "./use-guard.ts"
import type { PendingKey, VaultRecords } from "./vault-records.ts"

/** What the lives of keys are kept with. */
export interface KeyLifeParts extends SourceTools {
  readonly guard: UseGuard
  readonly records: KeyRecords
  readonly stored: VaultRecords
  readonly preloaded: PreloadedRecords
  readonly backends: KeyBackends
  readonly secrets: VaultSecrets
  readonly variables: KeyVariables | undefined
  readonly now: () => Timestamp
}

type Answer<T> = Promise<Result<T, NamedKeyRefusal>>

/**
 * Begins, changes and ends the lives of named keys. The secret of a version is made before its record is written and goes after the record says so; what a
 * crash leaves in between in a backend outside is written down before, and removed when the vault is opened again.
 */
export class KeyLife {
  readonly #parts: KeyLifeParts
  readonly #turns: KeyTurns = new KeyTurns()
  /** What an earlier process left to be removed. */
  #left: readonly PendingKey[]

  constructor(parts: KeyLifeParts) {
    this.#parts = parts
    this.#left = parts.stored.pending()
  }

  register: NamedKeys["register"] = async (registration, call) =>
    await this.#parts.guard.audited(call, { key: registration.id, action: "register" }, async () => {
      const { id, source } = registration
      // Taken and wiped also when the key exists: nothing needs it any more.
      using variable = source.kind === "environment" ? this.#parts.variables?.take(source.name) : undefined
      return await this.#turns.take(id, call.signal, async () => await this.#register(registration, variable, call))
    })

  rotate: NamedKeys["rotate"] = async (id, call) =>
    await this.#parts.guard.audited(
      call,
      { key: id, action: "rotate" },
      async () => await this.#turns.take(id, call.signal, async () => await this.#rotate(id, call)),
    )

  setState: NamedKeys["setState"] = async (id, change, call) => {
    const { state } = change
    const action = state === "enabled" ? "enable" : state === "disabled" ? "disable" : "destroy"
    return await this.#parts.guard.audited(
      call,
      { key: id, action },
      async () => await this.#turns.take(id, call.signal, async () => await this.#setState(id, change, call)),
    )
  }

  setRules: NamedKeys["setRules"] = async (id, rules, call) =>
    await this.#parts.guard.audited(
      call,
      { key: id, action: "rules" },
      async () => await this.#turns.take(id, call.signal, async () => this.#setRules(id, rules)),
    )

  derive: NamedKeys["derive"] = async ({ child, id, type }, call) =>
    await this.#parts.guard.use(call, { id, operation: "derive", bytes: new Uint8Array(0) }, async (entry, version) => {
      const backed = this.#parts.backends.of(entry, version)
      if (!backed.ok) return backed
      const { backend, key } = backed.value
      if (backend.traits.isTransient)
        return unsupportedBy(backend, `has no children: name ${child} in config.json with a source of its own`)
      return await this.#turns.take(child, call.signal, async () => {
        const registration: KeyRegistration = { id: child, type, source: { kind: "generate" }, backend: entry.backend }
        const known = this.#satisfying(registration)
        if (known !== undefined) return known.ok ? ok(known.value.entry) : known
        const algorithm = this.#parts.algorithms[type]
        const derived = backend.withSecret?.(key, (parent) =>
          deriveSecret(this.#parts.primitives, parent, ["keygrove/v1/key-child", child], { type, algorithm }),
        )
        if (derived === undefined) return unsupportedBy(backend, "has no children: its secret never leaves the token")
        if (!derived.ok) return derived
        using secret = derived.value
        return await this.#create(registration, { backend, secret }, call)
      })
    })

  /** Removes what an earlier process left in backends outside, as far as they are there now. */
  async settle(call: CallOptions): Promise<Result<true, NamedKeyRefusal>> {
    for (const backend of this.#parts.backends.outside)
      for (const left of this.#left) {
        const removed = await this.#turns.take(left.id, call.signal, async () => await this.#remove(backend, left, call))
        if (!removed.ok) return removed
      }
    return ok(true)
  }

  async #register(
    registration: KeyRegistration,
    variable: Secret | undefined,
    call: CallOptions,
  ): Answer<{ readonly entry: KeyEntry; readonly created: boolean }> {
    const known = this.#satisfying(registration)
    if (known?.ok === true) return await this.#checked(known.value, call)
    if (known !== undefined) return known
    const found = this.#parts.backends.find(registration.backend ?? DEFAULT_KEY_BACKEND)
    if (!found.ok) return found
    const backend = found.value
    const fit = this.#fits(backend, registration)
    if (!fit.ok) return fit
    if (registration.source.kind === "generate") return added(await this.#create(registration, { backend }, call))
    const made = await sourceSecret(this.#parts, registration, variable)
    if (!made.ok) return made
    using secret = made.value
    return added(await this.#create(registration, { backend, secret }, call))
  }

  /** What registering comes to for a key that exists: its newest version has to be there for use, not in the records only. */
  async #checked<T extends { readonly entry: KeyEntry }>(known: T, call: CallOptions): Answer<T> {
    const newest = known.entry.versions.at(-1)
    if (newest?.state !== "enabled") return ok(known)
    const backed = this.#parts.backends.of(known.entry, newest)
    if (!backed.ok) return backed
    const checked = await backed.value.backend.check(backed.value.key, call)
    return checked.ok ? ok(known) : checked
  }

  /** Whether a backend can hold what is ordered. */
  #fits(backend: KeyBackend, { exportable = false, id, source }: KeyRegistration): Result<true, NamedKeyRefusal> {
    const { isTransient, takesSecrets } = backend.traits
    if (!takesSecrets && source.kind !== "generate")
      return unsupportedBy(backend, `is made where it stays: register ${id} from generate, or in another backend`)
    if (exportable && (isTransient || backend.withSecret === undefined)) return unsupportedBy(backend, "is never exportable")
    if (isTransient && source.kind === "generate")
      return unsupportedBy(backend, "comes from a file, a variable or by derivation: a fresh one would be another after each start")
    if (isTransient && this.#parts.preloaded.isFull)
      return refuse("KEYSTORE_REQUEST_INVALID", `${MAX_PRELOADED_KEYS} keys are preloaded, the most there can be; seal some instead`)
    return ok(true)
  }

  async #rotate(id: KeyId, call: CallOptions): Answer<KeyEntry> {
    const entry = this.#parts.records.find(id)
    if (!entry.ok) return entry
    const found = this.#parts.backends.find(entry.value.backend)
    if (!found.ok) return found
    const backend = found.value
    if (backend.traits.isTransient)
      return unsupportedBy(backend, `is what config.json says: change the source of ${id} and restart the node`)
    const { source, type } = entry.value
    // Whether there can be one more, before its secret is made.
    const possible = rotated(entry.value, { publicKey: new Uint8Array(0), createdAt: this.#parts.now() })
    if (!possible.ok) return possible
    const version = entry.value.versions.length + 1
    using secret = source === "derived" ? this.#derived(id, version, type) : undefined
    const made = await this.#make(backend, { id, type, version, ...(secret === undefined ? {} : { secret }) }, call)
    if (!made.ok) return made
    const next = rotated(entry.value, { publicKey: made.value.publicKey, createdAt: this.#parts.now() })
    if (next.ok) this.#parts.records.put(next.value, { added: { version, handle: made.value.handle } })
    return next
  }

  async #setState(id: KeyId, { state, version }: Parameters<NamedKeys["setState"]>[1], call: CallOptions): Answer<KeyEntry> {
    const entry = this.#parts.records.find(id)
    if (!entry.ok) return entry
    const found = this.#parts.backends.find(entry.value.backend)
    // Whether its backend is there matters to nobody who disables a key.
    if (!found.ok && state === "destroyed") return found
    const backend = found.ok ? found.value : undefined
    if (backend?.traits.isTransient === true)
      return unsupportedBy(backend, `is what config.json says: take ${id} out of it and restart the node`)
    const next = withState(entry.value, state, version)
    if (!next.ok) return next
    const gone = next.value.versions
      .filter((each, index) => each.state === "destroyed" && entry.value.versions[index]?.state !== "destroyed")
      .map((each) => each.version)
    this.#parts.records.put(next.value, { gone, isOutside: backend?.traits.isOutside ?? false })
    for (const each of gone) {
      const removed = backend === undefined ? ok(true) : await this.#remove(backend, { id, version: each }, call)
      if (!removed.ok) return { ...removed, message: `${id} is destroyed and its secret is removed later: ${removed.message}` }
    }
    return next
  }

  #setRules(id: KeyId, rules: KeyRules): Result<KeyEntry, NamedKeyRefusal> {
    const entry = this.#parts.records.find(id)
    if (!entry.ok) return entry
    const backend = this.#parts.backends.find(entry.value.backend)
    if (backend.ok && backend.value.traits.isTransient)
      return unsupportedBy(backend.value, `is what config.json says: change the rules of ${id} there and restart the node`)
    const next = withRules(entry.value, rules)
    if (next.ok) this.#parts.records.put(next.value)
    return next
  }

  /** What registering comes to when the key exists already; `undefined` when it does not. */
  #satisfying(registration: KeyRegistration): Result<{ readonly entry: KeyEntry; readonly created: boolean }, NamedKeyRefusal> | undefined {
    const known = this.#parts.records.find(registration.id)
    if (!known.ok) return known.code === "KEY_UNKNOWN" ? undefined : known
    const satisfied = satisfiesOrder(known.value, { exportable: false, ...registration })
    return satisfied.ok ? ok({ entry: known.value, created: false }) : satisfied
  }

  async #create(
    { exportable = false, id, rules = OPEN_RULES, source: { kind }, type }: KeyRegistration,
    { backend, secret }: { readonly backend: KeyBackend; readonly secret?: Secret },
    call: CallOptions,
  ): Answer<KeyEntry> {
    const made = await this.#make(backend, { id, type, version: 1, ...(secret === undefined ? {} : { secret }) }, call)
    if (!made.ok) return made
    const { handle, publicKey } = made.value
    const versions = [{ version: 1, state: "enabled", createdAt: this.#parts.now(), publicKey }] as const
    const source: KeySource = kind === "generate" ? "generated" : kind === "derive" ? "derived" : "imported"
    const entry: KeyEntry = { id, type, backend: backend.traits.name, source, exportable, rules, versions }
    this.#parts.records.put(entry, { added: { version: 1, handle } })
    return ok(entry)
  }

  /** Has a secret made; what a crash would leave of it outside is written down before. */
  async #make(backend: KeyBackend, key: NewKey, call: CallOptions): Answer<MadeKey> {
    const { isOutside } = backend.traits
    if (isOutside) this.#parts.stored.announce(key)
    const made = await backend.create(key, call)
    // The database may be closed by now; what was made is removed at the next start.
    if (!this.#parts.guard.isOpen) return locked()
    if (isOutside && !made.ok && made.code === "KEY_BACKEND_UNSUPPORTED") this.#parts.stored.settle(key)
    return made
  }

  /** Has a secret removed that no record stands for. */
  async #remove(backend: KeyBackend, key: PendingKey, call: CallOptions): Answer<true> {
    const entry = this.#parts.records.find(key.id)
    const isHeld = entry.ok && entry.value.versions.some(({ state, version }) => version === key.version && state !== "destroyed")
    const removed = isHeld ? ok(true as const) : await backend.destroy(key, call)
    if (!removed.ok) return removed
    if (!this.#parts.guard.isOpen) return locked()
    if (backend.traits.isOutside) this.#parts.stored.settle(key)
    this.#left = this.#left.filter(({ id, version }) => id !== key.id || version !== key.version)
    return removed
  }

  #derived(id: KeyId, version: number, type: KeyType): Secret {
    const { algorithms, primitives, secrets } = this.#parts
    return deriveSecret(primitives, secrets.derivation, ["keygrove/v1/named-key", id, version], { type, algorithm: algorithms[type] })
  }
}

function added(made: Result<KeyEntry, NamedKeyRefusal>): Result<{ readonly entry: KeyEntry; readonly created: boolean }, NamedKeyRefusal> {
  return made.ok ? ok({ entry: made.value, created: true }) : made
}
