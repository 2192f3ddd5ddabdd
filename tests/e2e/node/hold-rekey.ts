import { unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { NodePlace } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import { holdRekey } from "@keygrove/keystore/ceremony"
import type { NodeIdentity, PreparedRekey, RekeyExchange } from "@keygrove/service"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { keystoreFile } from "../../../packages/apps/node/src/keystore/keystore-files.ts"

const tools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}

/** The ceremony of a rekey on a keystore file that a key file unlocks, held by the test, for the keystore process that began the exchange. */
export async function prepareOn(
  { keyFile, store }: { readonly store: string; readonly keyFile: string },
  place: NodePlace,
  exchange: RekeyExchange,
): Promise<PreparedRekey> {
  using database = unwrap(openDatabase(keystoreFile(store)))
  const order = { place, exchange, unlock: { kind: "key-file", path: keyFile } } as const
  const { entry, sealed } = unwrap(await holdRekey(database, tools, order, { signal: AbortSignal.timeout(600_000) }))
  if (sealed === undefined) throw new TypeError("what an exchange asks for is sealed to it")
  return { entry, sealed }
}

/** Where a node stands, by its identity. */
export function placeOf(identity: NodeIdentity): NodePlace {
  return { ...identity, epoch: identity.keys.epoch }
}
