import type { Primitives } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import type { FoldStep } from "./chain.ts"
import { emptyHead, nextHead, type LedgerHead, type LedgerIndex } from "./head.ts"
import { isOfKeyChain, type LedgerKeyChain } from "./key-chain.ts"

interface Kept {
  head: LedgerHead
  readonly indexes: LedgerIndex[]
}

/** Where the key chains of a ledger's clusters stand in it, kept while it is folded. */
export class KeyChainIndex {
  readonly #chains: Map<ClusterId, Kept> = new Map()

  /** @param known of a snapshot that the fold goes on from; copied. */
  constructor(known: ReadonlyMap<ClusterId, LedgerKeyChain> = new Map()) {
    for (const [cluster, { head, indexes }] of known) this.#chains.set(cluster, { head, indexes: [...indexes] })
  }

  /** Takes the next step of the fold. */
  take(primitives: Pick<Primitives, "sha256">, { bytes, judged }: FoldStep): void {
    const { entry, index, verdict } = judged
    if (verdict.kind === "void" || !isOfKeyChain(entry)) return
    const chain = this.#chains.get(entry.author.cluster) ?? { head: emptyHead(), indexes: [] }
    chain.head = nextHead(primitives, chain.head, bytes)
    chain.indexes.push(index)
    this.#chains.set(entry.author.cluster, chain)
  }

  /** The chain of one cluster as it is now; `undefined` before it was announced. */
  get(cluster: ClusterId): LedgerKeyChain | undefined {
    return this.#chains.get(cluster)
  }

  /** All of them as they are now; a copy. */
  copy(): ReadonlyMap<ClusterId, LedgerKeyChain> {
    return new Map([...this.#chains].map(([cluster, { head, indexes }]) => [cluster, { head, indexes: [...indexes] }]))
  }
}
