import { renameSync, writeFileSync } from "node:fs"
import { equalBytes, KeygroveError, type Result } from "@keygrove/base"
import type { KeystoreClient } from "@keygrove/keystore"
import { openLibp2pTransport } from "@keygrove/libp2p"
import type { CallOptions, Keystore, Transport, TransportIdentity } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { encodeConfig, type NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"

/** Listens as the node that the keystore is. */
export async function openTransport(keystore: KeystoreClient, config: NodeConfig, call: CallOptions): Promise<Result<Transport>> {
  const identity = transportIdentity(keystore)
  return await openLibp2pTransport({ ...identity, listen: [config.listen], clock: systemClock, signal: call.signal })
}

/** What the node is to its peers in the epoch that it is in now. */
export function transportIdentity(keystore: Pick<Keystore, "identity" | "sign">): TransportIdentity {
  const { signingKey } = keystore.identity().keys
  return {
    signingKey,
    sign: async (message, options) => {
      const signature = await keystore.sign("handshake", message, options)
      if (!signature.ok) throw new KeygroveError(signature.code, signature.message)
      if (equalBytes(keystore.identity().keys.signingKey, signingKey)) return signature.value
      throw new KeygroveError("PEER_KEY_WRONG", "this node has rekeyed, and signs no handshake with its key of the epoch before")
    },
  }
}

/** A port that the system chose is kept from now on, so that others find the node again after a restart. */
export function keepPort(home: Home, config: NodeConfig, transport: Transport): NodeConfig {
  const [address] = transport.addresses()
  if (!config.listen.endsWith("/tcp/0") || address === undefined) return config
  const port = /\/tcp\/(\d+)/.exec(address)?.[1]
  if (port === undefined) return config
  const settled = { ...config, listen: config.listen.replace(/\/tcp\/0$/, `/tcp/${port}`) }
  writeConfig(home, settled)
  return settled
}

/** Replaces `config.json`, whole or not at all. */
export function writeConfig(home: Home, config: NodeConfig): void {
  writeFileSync(`${home.config}.new`, encodeConfig(config), { mode: 0o600, flush: true })
  renameSync(`${home.config}.new`, home.config)
}
