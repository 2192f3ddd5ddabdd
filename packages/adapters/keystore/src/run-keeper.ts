import { equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { StorageSlot } from "@keygrove/service"
import type { NodeState } from "./node-secrets.ts"
import type { StoredDelegation } from "./delegated-key.ts"
import { MAX_SLOTS, type DelegatedKey, type RunStore, type RunVault, type SlotKey } from "./run-store.ts"

/**
 * Keeps the run record of a keystore that is unlocked the same as what is in its memory, for as long as there is a slot that opens it. Holds no key: the storage secrets of the state lead to those of the
 * slots each time.
 */
export class RunKeeper {
  readonly #store: RunStore
  readonly #vault: RunVault

  constructor(store: RunStore, vault: RunVault) {
    this.#store = store
    this.#vault = vault
  }

  /** Seals what is about to be in memory, before anybody is told of it; after a passphrase, what is, whatever was there. */
  keep(state: NodeState): void {
    if (this.#store.slots().length > 0 || this.#store.delegation() !== undefined) this.#store.write(state, this.#vault)
  }

  /** The ways in by pieces, the oldest first. */
  slots(): readonly StorageSlot[] {
    return this.#store.slots()
  }

  /** Makes a way in, in the place of the one of its generation; with the first of them the run record. All is borrowed. */
  addSlot(slot: SlotKey, state: NodeState): Result<true, "KEYSTORE_REQUEST_INVALID"> {
    const others = this.#store.slots().filter(({ generation }) => generation !== slot.generation)
    if (others.length >= MAX_SLOTS) return full(others.length)
    this.#store.write(state, this.#vault, { added: slot })
    return ok(true)
  }

  /** What is sealed to a label; `undefined` when nothing is. */
  delegation(): StoredDelegation | undefined {
    return this.#store.delegation()
  }

  /** Makes a way in by a label, in the place of the one there was; `null` for none. With the first way in the run record, and with the last it goes. All is borrowed. */
  delegate(delegated: DelegatedKey | null, state: NodeState): void {
    if (delegated !== null || this.#store.delegation() !== undefined) this.#store.write(state, this.#vault, { delegated })
  }

  /** What names the store in all that is bound to it, 32 bytes. */
  get storeId(): Uint8Array {
    return this.#store.storeId
  }

  /** Wipes every slot by pieces whose public key is not among these. */
  keepSlots(publicKeys: readonly Uint8Array[], state: NodeState): void {
    const over = this.#store.slots().filter((slot) => !publicKeys.some((key) => equalBytes(key, slot.publicKey)))
    if (over.length > 0) this.#store.write(state, this.#vault, { dropped: over.map(({ generation }) => generation) })
  }
}

function full(count: number): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", `the keystore has ${count} slots of other key generations; wipe those that are over first`)
}
