import { ok, type Result, type Secret } from "@keygrove/base"
import type { Timestamp, VaultSecrets } from "@keygrove/hierarchy"
import type { AuditHead } from "@keygrove/keys"
import {
  MAX_AUDIT_SLICE,
  MAX_KEY_SLICE,
  type CallOptions,
  type KeyBackend,
  type NamedKeyRefusal,
  type NamedKeys,
  type OperatorRunner,
} from "@keygrove/service"
import type { DatabaseSync } from "node:sqlite"
import { createAlgorithms } from "./algorithms/algorithms.ts"
import { Sweeper } from "./algorithms/sweeper.ts"
import { AuditLog } from "./audit-log.ts"
import { MemoryShelf } from "./backends/memory-shelf.ts"
import { SealedShelf } from "./backends/sealed-shelf.ts"
import { SecretBackend } from "./backends/secret-backend.ts"
import { KeyBackends } from "./key-backends.ts"
import { KeyOperators } from "./key-operators.ts"
import { KeyLife } from "./key-life.ts"
import { AllKeyRecords, type KeyRecords } from "./key-records.ts"
import type { CipherTools, KeyVariables } from "./key-source.ts"
import { KeyUses } from "./key-uses.ts"
import { PreloadedRecords } from "./preloaded-records.ts"
import { locked, UseGuard } from "./use-guard.ts"
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
  /** The node's X25519 secrets to which imported keys may be encrypted, at most two; asked for each time and borrowed. */
  readonly importKeys: () => readonly Secret[]
  /** Where the audit trail ended when the node moved last; it may still have the proof of the vault before. */
  readonly movedTrail?: AuditHead
  /** None unless given. */
  readonly variables?: KeyVariables
  /** Backends besides the vault's own two, such as a token; borrowed. */
  readonly backends?: readonly KeyBackend[]
  /** Runs operators on keys; borrowed. None unless given. */
  readonly operators?: OperatorRunner
}

/**
 * Named keys over the databases of one keystore. Runs inside the keystore process. The vault keeps rules, rates, states and the audit trail; what holds and uses
 * secrets are its backends. A sealed secret is opened for one use and wiped before the use returns; nothing of it is kept in between.
 */
export class KeyVault implements NamedKeys, Disposable {
  readonly register: NamedKeys["register"]
  readonly rotate: NamedKeys["rotate"]
  readonly setState: NamedKeys["setState"]
  readonly setRules: NamedKeys["setRules"]
  readonly derive: NamedKeys["derive"]
  readonly sign: NamedKeys["sign"]
  readonly verify: NamedKeys["verify"]
  readonly agree: NamedKeys["agree"]
  readonly encrypt: NamedKeys["encrypt"]
  readonly decrypt: NamedKeys["decrypt"]
  readonly mac: NamedKeys["mac"]
  readonly exportKey: NamedKeys["exportKey"]
  readonly operate: NamedKeys["operate"]
  readonly operators: NamedKeys["operators"]
  readonly #audit: AuditLog
  readonly #records: KeyRecords
  readonly #guard: UseGuard
  readonly #life: KeyLife
  /** Wiped and ended with the vault. */
  readonly #owned: DisposableStack = new DisposableStack()

  private constructor(tools: KeyVaultTools, store: VaultStore, audit: AuditLog) {
    const algorithms = createAlgorithms(tools)
    const [stored, preloaded] = [new VaultRecords(store.keys, tools.primitives, store.secrets), new PreloadedRecords()]
    const records = new AllKeyRecords(stored, preloaded)
    const guard = new UseGuard({ audit, records, now: tools.now })
    const secretTools = { ...tools, algorithms, sweeper: this.#owned.use(new Sweeper()) }
    const backends = new KeyBackends(records, [
      new SecretBackend(secretTools, new SealedShelf(tools, store.secrets.sealing)),
      new SecretBackend(secretTools, this.#owned.use(new MemoryShelf())),
      ...(store.backends ?? []),
    ])
    const { importKeys, secrets, variables } = store
    const life = new KeyLife({ ...tools, algorithms, guard, records, stored, preloaded, backends, importKeys, secrets, variables })
    const uses = new KeyUses({ guard, records, backends, algorithms, sealing: tools.sealing })
    const { derivation } = secrets
    const operators = new KeyOperators({
      guard,
      backends,
      primitives: tools.primitives,
      now: tools.now,
      derivation,
      runner: store.operators,
    })
    this.#audit = audit
    this.#records = records
    this.#guard = guard
    this.#life = life
    this.register = life.register
    this.rotate = life.rotate
    this.setState = life.setState
    this.setRules = life.setRules
    this.derive = life.derive
    this.sign = uses.sign
    this.verify = uses.verify
    this.agree = uses.agree
    this.encrypt = uses.encrypt
    this.decrypt = uses.decrypt
    this.mac = uses.mac
    this.exportKey = uses.exportKey
    this.operate = operators.operate
    this.operators = operators.operators
  }

  /** Opens the vault of an unlocked node. */
  static open(tools: KeyVaultTools, store: VaultStore): Result<KeyVault, "AUDIT_CORRUPT"> {
    const audit = AuditLog.open(store.audit, tools.primitives, store.secrets, store.movedTrail)
    return audit.ok ? ok(new KeyVault(tools, store, audit.value)) : audit
  }

  /** Removes what a crash left in backends outside; what refuses, such as a token that is not there, is tried again at the next start. */
  async settle(call: CallOptions): Promise<Result<true, NamedKeyRefusal>> {
    return await this.#life.settle(call)
  }

  list: NamedKeys["list"] = async ({ after, limit }, { signal }) => {
    signal.throwIfAborted()
    return this.#guard.isOpen ? this.#records.list(after, Math.min(limit, MAX_KEY_SLICE)) : locked()
  }

  find: NamedKeys["find"] = async (id, { signal }) => {
    signal.throwIfAborted()
    return this.#guard.isOpen ? this.#records.find(id) : locked()
  }

  audit: NamedKeys["audit"] = async ({ from, limit }, { signal }) => {
    signal.throwIfAborted()
    if (!this.#guard.isOpen) return locked()
    this.#audit.flush()
    return this.#audit.read(from, Math.min(limit, MAX_AUDIT_SLICE))
  }

  verifyAudit: NamedKeys["verifyAudit"] = async ({ signal }) => {
    signal.throwIfAborted()
    if (!this.#guard.isOpen) return locked()
    this.#audit.flush()
    return this.#audit.verify()
  };

  /** Writes what the audit trail has yet to write and refuses everything from now on. Databases and secrets stay the caller's. */
  [Symbol.dispose](): void {
    if (!this.#guard.isOpen) return
    this.#guard.close()
    this.#audit.flush()
    this.#owned.dispose()
  }
}
