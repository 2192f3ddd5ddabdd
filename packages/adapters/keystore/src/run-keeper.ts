import { equalBytes, ok, refuse, Secret, type RandomBytes, type Refusal, type Result } from "@keygrove/base"
import type { StorageSlot } from "@keygrove/service"
import type { NodeState } from "./node-secrets.ts"
import { MAX_SLOTS, type RunStore, type RunVault, type SlotKey } from "./run-store.ts"

const RUN_KEY_BYTES = 32

/**
 * Keeps the run record of a keystore that is unlocked the same as what is in its memory, for as long as there is a slot that opens it. Owns the run key; borrows the store and the vault's secrets.
 */
export class RunKeeper implements Disposable {
  readonly #store: RunStore
  readonly #vault: RunVault
  readonly #random: RandomBytes
  #runKey: Secret | undefined

  /** @param runKey of a keystore that was opened with it; taken over. */
  constructor(store: RunStore, vault: RunVault, random: RandomBytes, runKey?: Secret) {
    this.#store = store
    this.#vault = vault
    this.#random = random
    this.#runKey = runKey
  }

  /** After the passphrase: finds the run key, and has the record say what is in memory now. A record that was damaged goes, with its slots: new ones follow. */
  resume(state: NodeState): void {
    const found = this.#store.find()
    if (found.ok && found.value === undefined) return
    const runKey = found.ok && found.value !== undefined ? this.#store.keyByVault(found.value, this.#vault.secrets) : undefined
    if (runKey === undefined) {
      this.#store.clear()
      return
    }
    this.#runKey = runKey
    this.#store.write(runKey, state, this.#vault)
  }

  /** Seals what is about to be in memory, before anybody is told of it. */
  keep(state: NodeState): void {
    if (this.#runKey !== undefined) this.#store.write(this.#runKey, state, this.#vault)
  }

  /** The ways in, the oldest first. */
  slots(): readonly StorageSlot[] {
    return this.#store.slots()
  }

  /** Makes a way in, in the place of the one of its generation; with the first of them the run record. All is borrowed. */
  addSlot(slot: SlotKey, state: NodeState): Result<true, "KEYSTORE_REQUEST_INVALID"> {
    const others = this.#store.slots().filter(({ generation }) => generation !== slot.generation)
    if (others.length >= MAX_SLOTS) return full(others.length)
    if (this.#runKey !== undefined) {
      this.#store.putSlot(this.#runKey, slot)
      return ok(true)
    }
    using made = new DisposableStack()
    const runKey = made.use(Secret.take(this.#random(RUN_KEY_BYTES)))
    this.#store.write(runKey, state, this.#vault, slot)
    made.move()
    this.#runKey = runKey
    return ok(true)
  }

  /** Wipes every slot whose public key is not among these; after the last the next one begins with another run key. */
  keepSlots(publicKeys: readonly Uint8Array[]): void {
    const slots = this.#store.slots()
    const over = slots.filter((slot) => !publicKeys.some((key) => equalBytes(key, slot.publicKey)))
    if (over.length === 0) return
    this.#store.dropSlots(over.map(({ generation }) => generation))
    if (over.length === slots.length) this[Symbol.dispose]()
  }

  /** Wipes the run key. */
  [Symbol.dispose](): void {
    this.#runKey?.[Symbol.dispose]()
    this.#runKey = undefined
  }
}

function full(count: number): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", `the keystore has ${count} slots of other key generations; wipe those that are over first`)
}
