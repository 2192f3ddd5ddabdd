import { unwrap, type Secret } from "@keygrove/base"
import { decodeEpoch, type NodePlace } from "@keygrove/hierarchy"
import type { Keystore } from "@keygrove/service"
import type { Rekeying } from "../../../../service/src/ports/keystore-cast.contract.ts"
import { KeystoreEngine, type KeystoreTools } from "../engine.ts"
import { unlockRecord } from "../unlock.ts"
import { rekeyEntry, sealEpoch } from "./prepare-rekey.ts"

/** A ceremony without a disk, for keystores of any kind. `nodeSecret` is borrowed for as long as the result is used. */
export function rekeyingOf(
  tools: KeystoreTools,
  { nodeSecret, place }: { readonly nodeSecret: Secret; readonly place: NodePlace },
  asPort: (engine: KeystoreEngine) => Promise<Keystore>,
): Promise<Rekeying> {
  let record: NodePlace & { readonly entry?: Uint8Array } = place
  const open = async (): Promise<Keystore> => await asPort(new KeystoreEngine(tools, unlockRecord(tools, nodeSecret, record)))
  return open().then((keystore) => ({
    keystore,
    prepare: async ({ exchangeKey }) => {
      const next = { ...place, epoch: unwrap(decodeEpoch(keystore.identity().keys.epoch + 1)) }
      const entry = rekeyEntry(tools.primitives, nodeSecret, next)
      record = { ...next, entry }
      return { entry, sealed: unwrap(await sealEpoch(tools, nodeSecret, { place: next, exchangeKey })) }
    },
    reopen: open,
  }))
}
