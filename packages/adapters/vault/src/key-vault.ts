import { ok, refuse, utf8, type Refusal, type Result, type Secret } from "@keygrove/base"
import type { Timestamp, VaultSecrets } from "@keygrove/hierarchy"
import {
  chooseSignature,
  mayUse,
  OPEN_RULES,
  rotated,
  satisfiesOrder,
  verifyingVersions,
  versionFor,
  withState,
  type AuditedAction,
  type KeyEntry,
  type KeyId,
  type KeyOperation,
  type KeyType,
  type KeyVersion,
} from "@keygrove/keys"
import {
  MAX_AUDIT_SLICE,
  MAX_KEY_MESSAGE_BYTES,
  MAX_KEY_SLICE,
  type KeyCall,
  type KeyRegistration,
  type NamedKeyRefusal,
  type NamedKeys,
} from "@keygrove/service"
import type { DatabaseSync } from "node:sqlite"
import type { KeyAlgorithm } from "./algorithms/algorithm.ts"
import { createAlgorithms } from "./algorithms/algorithms.ts"
import { Sweeper } from "./algorithms/sweeper.ts"
import { AuditLog } from "./audit-log.ts"
import {
  CIPHERTEXT_OVERHEAD_BYTES,
  decryptPublic,
  decryptSymmetric,
  encryptSymmetric,
  encryptToPublic,
  versionOfCiphertext,
  type CipherScope,
  type CipherTools,
} from "./key-cipher.ts"
import { deriveSecret, generateSecret } from "./key-secrets.ts"
import { sourceSecret, type KeyVariables } from "./key-source.ts"
import { UseRates } from "./use-rates.ts"
import { VaultRecords } from "./vault-records.ts"

/** What a vault needs of its platform. */
export interface KeyVaultTools extends CipherTools {
  readonly now: () => Timestamp
}

/** Where a vault keeps its keys and with what. */
export interface VaultStore {
  /** The keystore's database with the vault's tables. */
  readonly keys: DatabaseSync
  readonly audit: DatabaseSync
  /** Borrowed until the vault is disposed of. */
  readonly secrets: VaultSecrets
  /** The node's X25519 secret, to which imported keys are encrypted; borrowed. */
  readonly importKey: Secret
  /** None unless given. */
  readonly variables?: KeyVariables
}

const EXPORT_INFO = utf8("keygrove/v1/key-export")
const SQLITE_FULL = 13

/**
 * Named keys over the databases of one keystore. Runs inside the keystore process. A secret is opened for one use and wiped before the use returns; nothing
 * of it is kept in between.
 */
export class KeyVault implements NamedKeys, Disposable {
  readonly #tools: KeyVaultTools
  readonly #store: VaultStore
  readonly #records: VaultRecords
  readonly #audit: AuditLog
  readonly #algorithms: Readonly<Record<KeyType, KeyAlgorithm>>
  readonly #rates: UseRates = new UseRates()
  readonly #sweeper: Sweeper = new Sweeper()
  #open = true

  private constructor(tools: KeyVaultTools, store: VaultStore, audit: AuditLog) {
    this.#tools = tools
    this.#store = store
    this.#audit = audit
    this.#records = new VaultRecords(store.keys, tools, store.secrets)
    this.#algorithms = createAlgorithms(tools)
  }

  /** Opens the vault of an unlocked node. */
  static open(tools: KeyVaultTools, store: VaultStore): Result<KeyVault, "AUDIT_CORRUPT"> {
    const audit = AuditLog.open(store.audit, tools.primitives, store.secrets)
    return audit.ok ? ok(new KeyVault(tools, store, audit.value)) : audit
  }

  register: NamedKeys["register"] = async (registration, call) =>
    await this.#audited(call, { key: registration.id, action: "register" }, async () => {
      const { source } = registration
      // Taken and wiped also when the key exists: nothing needs it any more.
      using variable = source.kind === "environment" ? this.#store.variables?.take(source.name) : undefined
      const known = this.#satisfying(registration)
      if (known !== undefined) return known
      const made = await sourceSecret({ ...this.#tools, ...this.#store, algorithms: this.#algorithms }, registration, variable)
      if (!made.ok) return made
      using secret = made.value
      // Another registration may have been faster while a file was read.
      return this.#satisfying(registration) ?? ok({ entry: this.#create(registration, secret), created: true })
    })

  list: NamedKeys["list"] = async ({ after, limit }, { signal }) => {
    signal.throwIfAborted()
    return this.#open ? this.#records.list(after, Math.min(limit, MAX_KEY_SLICE)) : locked()
  }

  find: NamedKeys["find"] = async (id, { signal }) => {
    signal.throwIfAborted()
    return this.#open ? this.#records.find(id) : locked()
  }

  rotate: NamedKeys["rotate"] = async (id, call) =>
    await this.#audited(call, { key: id, action: "rotate" }, async () => {
      const entry = this.#records.find(id)
      if (!entry.ok) return entry
      const version = entry.value.versions.length + 1
      const { source, type } = entry.value
      const algorithm = this.#algorithms[type]
      using secret =
        source === "derived"
          ? deriveSecret(this.#tools.primitives, this.#store.secrets.derivation, ["keygrove/v1/named-key", id, version], {
              type,
              algorithm,
            })
          : generateSecret(this.#tools.random, type, algorithm)
      this.#sweepAfter(type)
      const next = rotated(entry.value, { publicKey: algorithm.publicKey(secret), createdAt: this.#tools.now() })
      if (!next.ok) return next
      this.#records.put(next.value, { version, secret })
      return next
    })

  setState: NamedKeys["setState"] = async (id, { state, version }, call) => {
    const action = state === "enabled" ? "enable" : state === "disabled" ? "disable" : "destroy"
    return await this.#audited(call, { key: id, action }, async () => {
      const entry = this.#records.find(id)
      if (!entry.ok) return entry
      const next = withState(entry.value, state, version)
      if (next.ok) this.#records.put(next.value)
      return next
    })
  }

  sign: NamedKeys["sign"] = async ({ algorithm: asked, id, message }, call) =>
    await this.#use(call, { id, operation: "sign", bytes: message }, (entry, version) => {
      const algorithm = chooseSignature(entry.type, asked)
      if (!algorithm.ok) return algorithm
      const { sign } = this.#algorithms[entry.type]
      if (sign === undefined) return unsupported(entry, "sign")
      return this.#withSecret(entry, version, (secret) =>
        ok({ signature: sign(secret, message, algorithm.value), algorithm: algorithm.value, version: version.version }),
      )
    })

  verify: NamedKeys["verify"] = async ({ algorithm: asked, id, message, signature }, call) =>
    await this.#use(call, { id, operation: "verify", bytes: message }, (entry) => {
      const algorithm = chooseSignature(entry.type, asked)
      if (!algorithm.ok) return algorithm
      const { verify } = this.#algorithms[entry.type]
      if (verify === undefined) return unsupported(entry, "verify")
      const made = verifyingVersions(entry).find(({ publicKey }) => verify(publicKey, { message, signature, algorithm: algorithm.value }))
      return ok({ version: made?.version })
    })

  agree: NamedKeys["agree"] = async ({ id, peer }, call) =>
    await this.#use(call, { id, operation: "agree", bytes: peer }, (entry, version) => {
      const { agree } = this.#algorithms[entry.type]
      if (agree === undefined) return unsupported(entry, "agree")
      return this.#withSecret(entry, version, (secret) => {
        const shared = agree(secret, peer)
        if (!shared.ok) return shared
        using owned = shared.value
        return ok(owned.expose((bytes) => Uint8Array.from(bytes)))
      })
    })

  encrypt: NamedKeys["encrypt"] = async ({ context, id, plaintext }, call) =>
    await this.#use(call, { id, operation: "encrypt", bytes: plaintext }, async (entry, version) => {
      const scope: CipherScope = { entry, version, context }
      // HPKE gives its plaintext as a secret, which has at least one byte: what is empty could not be opened again.
      if (entry.type === "x25519" && plaintext.length === 0)
        return refuse("KEYSTORE_REQUEST_INVALID", `${id} is a key of type x25519, which encrypts at least one byte`)
      if (entry.type === "x25519") return await encryptToPublic(this.#tools, scope, plaintext)
      return this.#withSecret(entry, version, (secret) => ok(encryptSymmetric(this.#tools, secret, scope, plaintext)))
    })

  decrypt: NamedKeys["decrypt"] = async ({ ciphertext, context, id }, call) => {
    const version = versionOfCiphertext(ciphertext)
    const asked = version.ok ? { version: version.value } : {}
    return await this.#use(
      call,
      { id, operation: "decrypt", bytes: ciphertext.subarray(CIPHERTEXT_OVERHEAD_BYTES), ...asked },
      async (entry, meant) => {
        if (!version.ok) return version
        const secret = this.#records.openSecret(entry, meant.version)
        if (!secret.ok) return secret
        using owned = secret.value
        const scope: CipherScope = { entry, version: meant, context }
        return entry.type === "x25519"
          ? await decryptPublic(this.#tools, owned, scope, ciphertext)
          : decryptSymmetric(this.#tools, owned, scope, ciphertext)
      },
    )
  }

  mac: NamedKeys["mac"] = async ({ id, message, version }, call) =>
    await this.#use(call, { id, operation: "mac", bytes: message, ...(version === undefined ? {} : { version }) }, (entry, meant) =>
      this.#withSecret(entry, meant, (secret) => ok(this.#tools.primitives.hmacSha256(secret, message))),
    )

  derive: NamedKeys["derive"] = async ({ child, id, type }, call) =>
    await this.#use(call, { id, operation: "derive", bytes: new Uint8Array(0) }, (entry, version) => {
      const registration: KeyRegistration = { id: child, type, source: { kind: "generate" } }
      const known = this.#satisfying(registration)
      if (known !== undefined) return known.ok ? ok(known.value.entry) : known
      return this.#withSecret(entry, version, (parent) => {
        const algorithm = this.#algorithms[type]
        using secret = deriveSecret(this.#tools.primitives, parent, ["keygrove/v1/key-child", child], { type, algorithm })
        return ok(this.#create(registration, secret))
      })
    })

  exportKey: NamedKeys["exportKey"] = async ({ id, recipientKey }, call) =>
    await this.#audited(call, { key: id, action: "export" }, async () => {
      const entry = this.#records.find(id)
      if (!entry.ok) return entry
      if (!entry.value.exportable)
        return refuse("KEY_NOT_EXPORTABLE", `${id} was not made exportable; its secret never leaves the keystore`)
      const version = versionFor(entry.value, "derive")
      if (!version.ok) return version
      const secret = this.#records.openSecret(entry.value, version.value.version)
      if (!secret.ok) return secret
      using owned = secret.value
      const plain = owned.expose((bytes) => Uint8Array.from(bytes))
      try {
        const sealed = await this.#tools.sealing.seal(recipientKey, plain, { info: EXPORT_INFO })
        return sealed.ok ? sealed : refuse("KEY_PEER_INVALID", sealed.message)
      } finally {
        plain.fill(0)
      }
    })

  audit: NamedKeys["audit"] = async ({ from, limit }, { signal }) => {
    signal.throwIfAborted()
    if (!this.#open) return locked()
    this.#audit.flush()
    return this.#audit.read(from, Math.min(limit, MAX_AUDIT_SLICE))
  }

  verifyAudit: NamedKeys["verifyAudit"] = async ({ signal }) => {
    signal.throwIfAborted()
    if (!this.#open) return locked()
    this.#audit.flush()
    return this.#audit.verify()
  };

  /** Writes what the audit trail has yet to write and refuses everything from now on. Databases and secrets stay the caller's. */
  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#audit.flush()
    this.#sweeper[Symbol.dispose]()
  }

  /** What registering comes to when the key exists already; `undefined` when it does not. */
  #satisfying(registration: KeyRegistration): Result<{ readonly entry: KeyEntry; readonly created: boolean }, NamedKeyRefusal> | undefined {
    const known = this.#records.find(registration.id)
    if (!known.ok) return known.code === "KEY_UNKNOWN" ? undefined : known
    const satisfied = satisfiesOrder(known.value, { exportable: false, ...registration })
    return satisfied.ok ? ok({ entry: known.value, created: false }) : satisfied
  }

  #create(registration: KeyRegistration, secret: Secret): KeyEntry {
    const { exportable = false, id, rules = OPEN_RULES, source, type } = registration
    const publicKey = this.#algorithms[type].publicKey(secret)
    this.#sweepAfter(type)
    const versions = [{ version: 1, state: "enabled", createdAt: this.#tools.now(), publicKey }] as const
    const from = source.kind === "generate" ? "generated" : source.kind === "derive" ? "derived" : "imported"
    const entry: KeyEntry = { id, type, source: from, exportable, rules, versions }
    this.#records.put(entry, { version: 1, secret })
    return entry
  }

  #withSecret<T>(entry: KeyEntry, version: KeyVersion, use: (secret: Secret) => Result<T, NamedKeyRefusal>): Result<T, NamedKeyRefusal> {
    const secret = this.#records.openSecret(entry, version.version)
    if (!secret.ok) return secret
    using owned = secret.value
    this.#sweepAfter(entry.type)
    return use(owned)
  }

  #sweepAfter(type: KeyType): void {
    if (this.#algorithms[type].residue === "until-collected") this.#sweeper.soon()
  }

  /** One use of a key: rules, rate and state first, then the work, then the audit trail; only then the result. */
  async #use<T>(
    call: KeyCall,
    use: { readonly id: KeyId; readonly operation: KeyOperation; readonly bytes: Uint8Array; readonly version?: number },
    work: (entry: KeyEntry, version: KeyVersion) => Result<T, NamedKeyRefusal> | Promise<Result<T, NamedKeyRefusal>>,
  ): Promise<Result<T, NamedKeyRefusal>> {
    const { bytes, id, operation } = use
    return await this.#audited(call, { key: id, action: operation }, async () => {
      if (bytes.length > MAX_KEY_MESSAGE_BYTES)
        return refuse("KEYSTORE_REQUEST_INVALID", `${bytes.length} bytes are too many; at most ${MAX_KEY_MESSAGE_BYTES} at once`)
      const entry = this.#records.find(id)
      if (!entry.ok) return entry
      const { rules } = entry.value
      const allowed = mayUse(id, rules, { caller: call.caller, operation })
      if (!allowed.ok) return allowed
      const version = versionFor(entry.value, operation, use.version)
      if (!version.ok) return version
      if (rules.perMinute !== undefined && !this.#rates.take(id, rules.perMinute, this.#tools.now()))
        return refuse("KEY_RATE_EXCEEDED", `${id} may be used ${rules.perMinute} times a minute; try again in a minute`)
      return await work(entry.value, version.value)
    })
  }

  async #audited<T>(
    { caller, signal }: KeyCall,
    { action, key }: { readonly key: KeyId; readonly action: AuditedAction },
    work: () => Promise<Result<T, NamedKeyRefusal>>,
  ): Promise<Result<T, NamedKeyRefusal>> {
    signal.throwIfAborted()
    if (!this.#open) return locked()
    if (!this.#audit.hasRoom) return refuse("KEYSTORE_BUSY", "too many uses wait to be recorded; try again in a moment")
    const result = await work().catch((error: unknown) => diskFull(error))
    const isChange = action === "register" || action === "rotate" || action === "destroy" || action === "export"
    // A lock in between has flushed the trail and wiped what the work needs.
    if (!this.#open) return locked()
    await this.#audit.record({ at: this.#tools.now(), caller, key, action, outcome: result.ok ? "ok" : result.code }, isChange)
    return result
  }
}

function unsupported(entry: KeyEntry, operation: KeyOperation): Refusal<"KEY_OPERATION_UNSUPPORTED"> {
  return refuse("KEY_OPERATION_UNSUPPORTED", `a key of type ${entry.type} cannot ${operation}`)
}

function locked(): Refusal<"KEYSTORE_LOCKED"> {
  return refuse("KEYSTORE_LOCKED", "the node's secrets are locked; restart the node with `keygrove up`")
}

/** SQLite's own codes for a full disk; anything else is a fault and stays one. */
function diskFull(error: unknown): Refusal<"DISK_FULL"> {
  const isFull = error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL
  if (!isFull) throw error
  return refuse("DISK_FULL", "no space left for the keystore; free some space and try again, nothing was changed")
}
