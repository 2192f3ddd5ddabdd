import type { RandomBytes } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { LedgerReplica } from "./ledger/replica.ts"
import type { Clock } from "./ports/clock.ts"
import type { Keystore } from "./ports/keystore.ts"
import type { Storage } from "./ports/storage.ts"
import type { Transport } from "./ports/transport.ts"
import type { Turns } from "./turns.ts"

/** What the use cases of one running node work with. Nothing here is owned by them. */
export interface NodeContext {
  readonly primitives: Primitives
  readonly keystore: Keystore
  readonly replica: LedgerReplica
  readonly storage: Storage
  readonly transport: Transport
  readonly clock: Clock
  readonly random: RandomBytes
  /** By label: grants begin, and a label moves to another key, one after the other. */
  readonly labelTurns: Turns
}
