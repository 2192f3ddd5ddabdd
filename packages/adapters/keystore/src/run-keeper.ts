import { equalBytes, ok, refuse, Secret, type RandomBytes, type Refusal, type Result } from "@keygrove/base"
import type { StorageSlot } from "@keygrove/service"
import type { NodeState } from "./node-secrets.ts"
import { MAX_SLOTS, type RunStore, type RunVault, type SlotKey } from "./run-store.ts"

const RUN_KEY_BYTES = 32

/**
 * Keeps the run record of a keystore that is unlocked the same as what is in its memory, for as long as there is a slot that opens it. The run key is in memory only while something is sealed with it:
 * the vault's secrets, which are borrowed, as the store is, open it each time.
 */
export class RunKeeper {
  readonly #store: RunStore
  readonly #vault: RunVault
  readonly #random: RandomBytes

  constructor(store: RunStore, vault: RunVault, random: RandomBytes) {
    this.#store = store
    this.#vault = vault
    this.#random = random
  }

  /** Seals what is about to be in memory, before anybody is told of it; after a passphrase, what is. A record that was damaged goes, with its slots: new ones follow. */
  keep(state: NodeState): void {
    using runKey = this.#openRunKey()
    if (runKey !== undefined) this.#store.write(runKey, state, this.#vault)
  }

  /** The ways in, the oldest first. */
  slots(): readonly StorageSlot[] {
    return this.#store.slots()
  }

  /** Makes a way in, in the place of the one of its generation; with the first of them a run key and the run record. All is borrowed. */
  addSlot(slot: SlotKey, state: NodeState): Result<true, "KEYSTORE_REQUEST_INVALID"> {
    const others = this.#store.slots().filter(({ generation }) => generation !== slot.generation)
    if (others.length >= MAX_SLOTS) return full(others.length)
    using runKey = this.#openRunKey() ?? Secret.take(this.#random(RUN_KEY_BYTES))
    this.#store.write(runKey, state, this.#vault, slot)
    return ok(true)
  }

  /** Wipes every slot whose public key is not among these; after the last the next one begins with another run key. */
  keepSlots(publicKeys: readonly Uint8Array[]): void {
    const over = this.#store.slots().filter((slot) => !publicKeys.some((key) => equalBytes(key, slot.publicKey)))
    if (over.length > 0) this.#store.dropSlots(over.map(({ generation }) => generation))
  }

  /** Belongs to the caller; `undefined` when there is none. */
  #openRunKey(): Secret | undefined {
    const found = this.#store.find()
    if (found.ok && found.value === undefined) return undefined
    const runKey = found.ok && found.value !== undefined ? this.#store.keyByVault(found.value, this.#vault.secrets) : undefined
    if (runKey === undefined) this.#store.clear()
    return runKey
  }
}

function full(count: number): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", `the keystore has ${count} slots of other key generations; wipe those that are over first`)
}
