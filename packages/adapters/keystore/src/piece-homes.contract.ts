import { DatabaseSync } from "node:sqlite"
import { ok, Secret, unwrap, type Result } from "@keygrove/base"
import type { NodePlace } from "@keygrove/hierarchy"
import type { LockedKeystore } from "@keygrove/service"
import type { PieceHome, PieceKeystore } from "../../../service/src/ports/piece-keys-cast.contract.ts"
import { bootSecretOf } from "./boot-key.ts"
import type { CeremonyStage } from "./ceremony/ceremony-kit.contract.ts"
import { ceremonyTools } from "./ceremony/ceremony-kit.contract.ts"
import { foundNode } from "./ceremony/found-node.ts"
import { holdRekey } from "./ceremony/rekey.ts"
import { storeNode } from "./ceremony/store-node.ts"
import { LockedEngine } from "./locked-engine.ts"
import type { KeystoreEngine } from "./engine.ts"
import { nodeRecordValue } from "./node-record.ts"
import type { Predecessor } from "./node-secrets.ts"
import { RUN_MIGRATIONS } from "./run-store.ts"
import { KEYSTORE_MIGRATIONS, SealedRecords } from "./sealed-records.ts"
import { predecessorId } from "./stored-node.ts"
import { unlockKeystore } from "./unlock.ts"

const call = { signal: new AbortController().signal }

/** How keystores of a home are served: in this process, or behind frames. */
export interface PiecePorts {
  unlocked(engine: KeystoreEngine): Promise<PieceKeystore>
  locked(engine: LockedEngine): Promise<Result<LockedKeystore>>
}

/** Whose store it is, when it is not that of a node just founded. The secrets are borrowed for the making. */
export interface TestNode {
  readonly nodeSecret: Secret
  readonly place: NodePlace
  /** Newest first. */
  readonly predecessors?: readonly Predecessor[]
}

/** A node in a database in memory, opened by the key file of the stage. */
export class TestHome implements PieceHome {
  readonly database: DatabaseSync = new DatabaseSync(":memory:")
  readonly #stage: CeremonyStage
  readonly #ports: PiecePorts
  readonly #boot: Secret = Secret.take(ceremonyTools.random(32))
  readonly #owned = new DisposableStack()

  constructor(stage: CeremonyStage, ports: PiecePorts, node?: TestNode) {
    this.#stage = stage
    this.#ports = ports
    for (const sql of [...KEYSTORE_MIGRATIONS, ...RUN_MIGRATIONS]) this.database.exec(sql)
    if (node !== undefined) {
      this.#store(node)
      return
    }
    using seed = Secret.take(ceremonyTools.random(64))
    const founded = unwrap(foundNode(ceremonyTools.primitives, seed, "node"))
    using _wiped = founded.nodeSecret
    this.#store(founded)
  }

  async open(): Promise<PieceKeystore> {
    return await this.#ports.unlocked(this.openEngine())
  }

  openEngine(): KeystoreEngine {
    using secret = this.#keyBytes()
    const opened = unwrap(unlockKeystore(this.database, ceremonyTools, { method: "key-file", secret }, bootSecretOf(this.#boot)))
    this.#owned.use(opened.vaultSecrets)
    return opened.keystore
  }

  async openLocked(): Promise<Result<LockedKeystore>> {
    const locked = await LockedEngine.open(this.database, ceremonyTools, bootSecretOf(this.#boot), call)
    return locked.ok ? await this.#ports.locked(locked.value) : locked
  }

  prepareRekey: PieceHome["prepareRekey"] = async (keystore, exchange) => {
    const { entry, sealed } = unwrap(await holdRekey(this.database, ceremonyTools, { ...this.#order(keystore.identity()), exchange }, call))
    if (sealed === undefined) throw new TypeError("what an exchange asks for is sealed to it")
    return { entry, sealed }
  }

  rekeyStopped: PieceHome["rekeyStopped"] = async (identity) => {
    unwrap(await holdRekey(this.database, ceremonyTools, this.#order(identity), call))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#owned.dispose()
    this.#boot[Symbol.dispose]()
    this.database.close()
    await Promise.resolve()
  }

  #store({ nodeSecret, place, predecessors = [] }: TestNode): void {
    using secret = this.#keyBytes()
    const unlock = { method: "key-file", secret } as const
    const record = predecessors.length === 0 ? place : { ...place, predecessors: predecessors.length }
    unwrap(storeNode(this.database, ceremonyTools, unlock, { place: record, nodeSecret }))
    using records = unwrap(SealedRecords.open(this.database, ceremonyTools, unlock))
    for (const [index, older] of predecessors.toReversed().entries()) {
      const sealed = { id: predecessorId(index + 1), kind: "predecessor", version: 1, open: nodeRecordValue(older.place) } as const
      records.put(sealed, older.nodeSecret)
    }
  }

  #order({ cluster, generation, keys, path }: ReturnType<PieceKeystore["identity"]>): Omit<Parameters<typeof holdRekey>[2], "exchange"> {
    return { place: { cluster, path, generation, epoch: keys.epoch }, unlock: this.#stage.unlock }
  }

  #keyBytes(): Secret {
    return Secret.take(Uint8Array.from(this.#stage.keyBytes))
  }
}

/** Keystores as they are, in this process. */
export const directPorts: PiecePorts = {
  unlocked: async (engine) => await Promise.resolve(engine),
  locked: async (engine) => await Promise.resolve(ok(engine)),
}
