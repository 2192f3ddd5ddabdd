import { ok, refuse, unwrap, type Result } from "@keygrove/base"
import {
  decodeLedgerIndex,
  emptyDigest,
  emptyHead,
  encodeSnapshotHead,
  nextDigest,
  nextHead,
  snapshotHeadSignBytes,
  type LedgerHead,
  type LedgerIndex,
} from "@keygrove/ledger"
import type { CallOptions, PruneOrder, PruneRefusal } from "@keygrove/service"
import { kitChild, kitKey, kitPrimitives, kitRoot, kitSeed, signingName } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { EntryReader } from "./entry-reader.ts"
import type { EtcdCluster } from "./etcd-cluster.fixture.ts"
import { KV } from "./etcd_pb.ts"
import { EtcdLogKeys } from "./log-format.ts"
import { readTransactionAnswer, writeTransaction } from "./messages.ts"
import { EtcdPruning } from "./pruning.ts"
import type { Transact } from "./transact.ts"

const signer = kitChild(kitRoot("pruning"), "/laptop")

export const indexOf = (index: number): LedgerIndex => unwrap(decodeLedgerIndex(index))

/** The head after some entries. */
export function headAfter(entries: readonly Uint8Array[]): LedgerHead {
  return entries.reduce((head, entry) => nextHead(kitPrimitives, head, entry), emptyHead())
}

/** What prunes a log at an entry: a snapshot of three parts that say nothing, signed, and what is kept. */
export function orderAt(log: readonly Uint8Array[], length: number, kept: readonly number[]): PruneOrder {
  const parts = [0, 1, 2].map((place) => new Uint8Array(4 + place).fill(length % 256))
  const digest = parts.reduce((last, part) => nextDigest(kitPrimitives, last, part), emptyDigest())
  const author = { cluster: signer.cluster, path: signer.path, key: kitKey(signingName(signer, 1)) }
  const unsigned = { ...headAfter(log.slice(0, length)), chunks: parts.length, digest, author }
  using seed = kitSeed(signingName(signer, 1))
  const head = { ...unsigned, signature: kitPrimitives.ed25519.sign(seed, snapshotHeadSignBytes(unsigned)) }
  return {
    head,
    encoded: encodeSnapshotHead(head),
    chunk: async (place) => {
      const part = parts[place]
      return part === undefined ? refuse("LEDGER_CORRUPT", "no such part") : ok(part)
    },
    kept: kept.filter((index) => index < length).map(indexOf),
  }
}

/** Prunes as a process does that ends before its transaction of the number `cut`. What etcd has then is also what one leaves that ends before it hears of the transaction before. */
export async function pruneUntil(
  cluster: EtcdCluster,
  name: string,
  { cut, order }: { readonly order: PruneOrder; readonly cut: number },
  call: CallOptions,
): Promise<Result<true, PruneRefusal>> {
  using client = cluster.client()
  let count = 0
  const transact: Transact = async (transaction, signal) => {
    if (count++ === cut) throw new Error("cut off")
    const outcome = await client.call({
      method: KV.method.txn,
      message: writeTransaction(transaction),
      read: readTransactionAnswer,
      signal,
    })
    if (outcome.kind !== "answered") throw new Error(`etcd did not answer: ${outcome.message}`)
    return ok({ ...outcome.value, wasAmbiguous: outcome.wasAmbiguous })
  }
  const keys = new EtcdLogKeys(cluster.address(name).prefix)
  const reader = new EntryReader(kitPrimitives, keys, transact)
  return await new EtcdPruning({ primitives: kitPrimitives, keys, reader, transact }).prune(order, call)
}
