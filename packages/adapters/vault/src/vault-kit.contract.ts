import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp, deriveVault, type Timestamp } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import type { KeyBackend } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { InlineOperators } from "./inline-operators.contract.ts"
import type { KeyVariables } from "./key-source.ts"
import { KeyVault } from "./key-vault.ts"
import { AUDIT_MIGRATIONS, VAULT_MIGRATIONS } from "./schema.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

/** A vault over databases in memory, with a clock of its own, for tests. */
export interface TestVault extends Disposable {
  readonly vault: KeyVault
  readonly keys: DatabaseSync
  readonly audit: DatabaseSync
  readonly clock: { now: number }
  /** Public key to which imported keys are encrypted. */
  readonly importKey: Uint8Array
  /** Closes the vault and opens another over the same databases, or another one of keys, with the same node secret. */
  reopen(other?: { readonly keys: DatabaseSync }): KeyVault
}

/** Makes one, with variables to take and backends besides its own when they are given. */
export function openTestVault(variables?: KeyVariables, backends: readonly KeyBackend[] = []): TestVault {
  const [keys, audit] = [VAULT_MIGRATIONS, AUDIT_MIGRATIONS].map((migrations) => {
    const database = new DatabaseSync(":memory:")
    for (const sql of migrations) database.exec(sql)
    return database
  })
  if (keys === undefined || audit === undefined) throw new TypeError("two databases were made")
  const node = Secret.take(systemRandom(32))
  const importSecret = Secret.take(systemRandom(32))
  const clock = { now: 1_800_000_000_000 }
  const open = (database: DatabaseSync): KeyVault => {
    const now = (): Timestamp => unwrap(decodeTimestamp(clock.now))
    const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom, now }
    const secrets = deriveVault(nativePrimitives, node)
    return unwrap(
      KeyVault.open(tools, {
        keys: database,
        audit,
        secrets,
        backends,
        operators: new InlineOperators(),
        importKeys: () => [importSecret],
        ...(variables === undefined ? {} : { variables }),
      }),
    )
  }
  const state = { vault: open(keys) }
  return {
    get vault(): KeyVault {
      return state.vault
    },
    keys,
    audit,
    clock,
    importKey: nativePrimitives.x25519.publicKey(importSecret),
    reopen: (other) => {
      state.vault[Symbol.dispose]()
      state.vault = open(other?.keys ?? keys)
      return state.vault
    },
    [Symbol.dispose]: () => state.vault[Symbol.dispose](),
  }
}
