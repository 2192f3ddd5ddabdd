import { equalBytes, refuse } from "@keygrove/base"
import type { StatementSigner } from "../ledger/replica.ts"
import type { Keystore } from "../ports/keystore.ts"

/** Signs statements of the running node with the key that it has now. Refuses `AUTHOR_KEY_WRONG` when the node rekeys before a statement is signed: it would name another key. */
export function statementSigner(keystore: Keystore): StatementSigner {
  const { cluster, keys, path } = keystore.identity()
  return {
    cluster,
    path,
    key: keys.signingKey,
    sign: async (message, options) => {
      const signature = await keystore.sign("statement", message, options)
      if (!signature.ok || equalBytes(keystore.identity().keys.signingKey, keys.signingKey)) return signature
      return refuse("AUTHOR_KEY_WRONG", "the node rekeyed before the statement was signed; try again")
    },
  }
}
