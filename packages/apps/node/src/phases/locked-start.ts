import { KeygroveError, ok, type Result } from "@keygrove/base"
import { KeystoreClient, spawnLockedKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { openLibp2pTransport } from "@keygrove/libp2p"
import type { CallOptions, Keystore, LedgerReplica, LockedKeystore, Transport } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { registerConfiguredKeys } from "../configured-keys.ts"
import { forgetKeyVariables } from "../home/config.ts"
import { readLastKeys } from "../home/home-epoch.ts"
import { keystoreProgram, type KeystoreSurroundings } from "../runtime/open-keystore.ts"
import { openReplica } from "../runtime/open-ledger.ts"

/** What a locked node asks others with. */
export interface LockedStart {
  readonly keystore: LockedKeystore
  /** Under the boot key. */
  readonly transport: Transport
  readonly replica: LedgerReplica
}

/**
 * Starts the keystore of a home locked, follows the ledger under its boot key, and has it opened by `unlock` with the help of others. What is under the boot key is closed before it returns; the process is then one that
 * was unlocked, with the keys of the configuration.
 */
export async function openUnderBootKey(
  surroundings: KeystoreSurroundings,
  { signal }: CallOptions,
  unlock: (start: LockedStart, call: CallOptions) => Promise<Result<Keystore>>,
): Promise<Result<KeystoreProcess>> {
  const { config, home, log } = surroundings
  await using stack = new AsyncDisposableStack()
  const spawned = await spawnLockedKeystore(keystoreProgram(home, config, { locked: true }), { signal })
  if (!spawned.ok) return spawned
  const process = stack.use(spawned.value)
  const opened = await askOthers(surroundings, process.keystore, { signal }, unlock)
  if (!opened.ok) return opened
  const keystore = opened.value
  if (!(keystore instanceof KeystoreClient)) throw new TypeError("a keystore process gives its own client")
  forgetKeyVariables(config)
  const registered = await registerConfiguredKeys(keystore.keys, { config, directory: home.directory, log }, { signal })
  if (!registered.ok) return registered
  const owned = stack.move()
  return ok({ keystore, pid: process.pid, [Symbol.asyncDispose]: async () => await owned.disposeAsync() })
}

async function askOthers(
  { config, home, log }: KeystoreSurroundings,
  keystore: LockedKeystore,
  call: CallOptions,
  unlock: (start: LockedStart, call: CallOptions) => Promise<Result<Keystore>>,
): Promise<Result<Keystore>> {
  await using stack = new AsyncDisposableStack()
  const transport = await openBootTransport(keystore, call)
  if (!transport.ok) return transport
  stack.use(transport.value)
  const keys = await readLastKeys(home, call)
  if (!keys.ok) return keys
  const reader = { ...keystore.node, keys: keys.value }
  const opened = await openReplica(home, config, { log, reader, transport: transport.value, stack }, call)
  if (!opened.ok) return opened
  return await unlock({ keystore, transport: transport.value, replica: opened.value.replica }, call)
}

/** Calls only: nobody knows where this node listens under its boot key. */
async function openBootTransport(keystore: LockedKeystore, { signal }: CallOptions): Promise<Result<Transport>> {
  const { signingKey } = keystore.bootKeys
  return await openLibp2pTransport({
    signingKey,
    sign: async (message, options) => {
      const signature = await keystore.sign("handshake", message, options)
      if (!signature.ok) throw new KeygroveError(signature.code, signature.message)
      return signature.value
    },
    listen: [],
    clock: systemClock,
    signal,
  })
}
