import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { ClusterId } from "@keygrove/hierarchy"
import { encodeKeyChainHead, keyChainHeadSignBytes } from "@keygrove/ledger"
import { readPlaces } from "../ledger/read-places.ts"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"

/** A cluster's own key chain, closed by this node. */
export interface OwnKeyChain {
  readonly length: number
  /** Encoded head with this node's signature. */
  readonly head: Uint8Array
}

/** Reads this node's cluster's key chain from its ledger and closes it with the node's signature, which is made once for each length and key. */
export class OwnKeyChainReader {
  readonly #context: Pick<NodeContext, "keystore" | "replica">
  #signed: (OwnKeyChain & { readonly key: Uint8Array }) | undefined

  constructor(context: Pick<NodeContext, "keystore" | "replica">) {
    this.#context = context
  }

  /** The chain's head now. Refuses what the keystore refuses, and `NODE_NOT_ON_LEDGER` before the cluster stands there. */
  async head(options: CallOptions): Promise<Result<OwnKeyChain>> {
    const { keystore, replica } = this.#context
    const { cluster, keys, path } = keystore.identity()
    const chain = replica.keyChain(cluster)
    if (chain === undefined)
      return refuse("NODE_NOT_ON_LEDGER", "the ledger does not know this node yet; see the warnings of `keygrove status`")
    const { head } = chain
    if (this.#signed?.length === head.length && equalBytes(this.#signed.key, keys.signingKey)) return ok(this.#signed)
    const unsigned = { ...head, author: { cluster, path, key: keys.signingKey } }
    const signature = await keystore.sign("message", keyChainHeadSignBytes(unsigned), options)
    if (!signature.ok) return signature
    this.#signed = { length: head.length, key: keys.signingKey, head: encodeKeyChainHead({ ...unsigned, signature: signature.value }) }
    return ok(this.#signed)
  }

  /** Its entries from a position on, at most `limit`. */
  async entries(from: number, limit: number, options: CallOptions): Promise<Result<readonly Uint8Array[]>> {
    return await readLedgerKeyChain(this.#context, this.#context.keystore.identity().cluster, { from, limit }, options)
  }
}

/** Entries of a cluster's key chain as the ledger has them, from a position of the chain on. */
export async function readLedgerKeyChain(
  { replica }: Pick<NodeContext, "replica">,
  cluster: ClusterId,
  { from, limit }: { readonly from: number; readonly limit: number },
  options: CallOptions,
): Promise<Result<readonly Uint8Array[]>> {
  const wanted = (replica.keyChain(cluster)?.indexes ?? []).slice(from, from + limit)
  return await readPlaces(replica, wanted, options)
}
