import { ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  decodeEpoch,
  deriveAnchor,
  deriveEpoch,
  deriveEpochSecret,
  makeRekey,
  noPreviousRekey,
  rekeyDigest,
  rekeyExchangeBytes,
  rekeySecretContext,
  type NodePlace,
} from "@keygrove/hierarchy"
import { sealMessage, type RekeyExchange } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import { signEntry } from "./sign-entry.ts"

/**
 * The signed statement with which a node enters an epoch, as an encoded ledger entry. Always the same bytes for the same node and epoch: every earlier statement of the generation, which
 * it chains to, follows from s(node) too, so none of them has to be kept. Takes about 0.3 ms for each earlier epoch.
 */
export function rekeyEntry(primitives: Primitives, nodeSecret: Secret, place: NodePlace): Uint8Array {
  let previous = noPreviousRekey()
  for (let number = 1; number < place.epoch; number++) {
    using secrets = deriveEpoch(primitives, nodeSecret, unwrap(decodeEpoch(number)))
    previous = rekeyDigest(primitives, makeRekey(primitives, secrets, { ...place, previous }))
  }
  using secrets = deriveEpoch(primitives, nodeSecret, place.epoch)
  using anchor = deriveAnchor(primitives, nodeSecret)
  return signEntry(primitives, { kind: "rekey", body: makeRekey(primitives, secrets, { ...place, previous }) }, place, anchor)
}

/** Checks that an exchange was begun by a keystore that has epoch `place` of this very node: nobody else can have signed it. */
export function checkExchange(
  primitives: Primitives,
  nodeSecret: Secret,
  { exchange, place }: { readonly place: NodePlace; readonly exchange: RekeyExchange },
): Result<true, "REKEY_EXCHANGE_INVALID"> {
  using secrets = deriveEpoch(primitives, nodeSecret, place.epoch)
  const { exchangeKey, signature } = exchange
  if (primitives.ed25519.verify(primitives.ed25519.publicKey(secrets.signing), rekeyExchangeBytes(place, exchangeKey), signature))
    return ok(true)
  return refuse(
    "REKEY_EXCHANGE_INVALID",
    `who asks for the next epoch does not have the keys of ${place.path} in epoch ${place.epoch}; nothing was changed, see what runs as this node`,
  )
}

/** Seals the secret of an epoch to the key of an exchange, signed by the node's anchor. */
export async function sealEpoch(
  tools: KeystoreTools,
  nodeSecret: Secret,
  { exchangeKey, place }: { readonly place: NodePlace; readonly exchangeKey: Uint8Array },
): Promise<Result<Uint8Array, "SEAL_RECIPIENT_INVALID">> {
  const { primitives, sealing } = tools
  using anchor = deriveAnchor(primitives, nodeSecret)
  using epochSecret = deriveEpochSecret(primitives, nodeSecret, place.epoch)
  const parties = { context: rekeySecretContext(place), sender: anchor.publicKey, recipient: exchangeKey }
  return await sealMessage({ sealing, sign: (message) => primitives.ed25519.sign(anchor.seed, message) }, parties, epochSecret)
}
