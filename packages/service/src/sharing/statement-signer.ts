import type { StatementSigner } from "../ledger/replica.ts"
import type { Keystore } from "../ports/keystore.ts"

/** Signs statements of the running node with its current key. */
export function statementSigner(keystore: Keystore): StatementSigner {
  const { cluster, keys, path } = keystore.identity()
  return { cluster, path, key: keys.signingKey, sign: async (message, options) => await keystore.sign("statement", message, options) }
}
