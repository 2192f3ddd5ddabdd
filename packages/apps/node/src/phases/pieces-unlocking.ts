import { KeygroveError, ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { KeystoreClient, spawnLockedKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { openLibp2pTransport } from "@keygrove/libp2p"
import { unlockByPieces, type CallOptions, type LockedKeystore, type Transport, type UnlockProgress } from "@keygrove/service"
import { systemClock, systemRandom } from "@keygrove/system"
import { registerConfiguredKeys } from "../configured-keys.ts"
import { forgetKeyVariables } from "../home/config.ts"
import { readLastKeys } from "../home/home-epoch.ts"
import { keystoreProgram, type KeystoreSurroundings } from "../runtime/open-keystore.ts"
import { openAttester } from "../runtime/open-attester.ts"
import { openReplica } from "../runtime/open-ledger.ts"

/** How far it is with the peers, since the start of one unlocking. */
export interface PiecesProgress extends UnlockProgress {
  /** Of the node. */
  readonly path: string
  /** How often they were asked. */
  readonly rounds: number
}

/**
 * Opens the keystore of a home with the pieces that its peers keep: the keystore process starts locked, the ledger is followed under the boot key, and the peers are asked until enough gave
 * theirs, or more asking would not help. What is under the boot key is closed before it returns; the process is then one that was unlocked, with the keys of the configuration.
 */
export async function openByPieces(
  surroundings: KeystoreSurroundings,
  { signal }: CallOptions,
  onProgress: (progress: PiecesProgress) => void,
): Promise<Result<KeystoreProcess>> {
  const { config, home, log } = surroundings
  await using stack = new AsyncDisposableStack()
  const spawned = await spawnLockedKeystore(keystoreProgram(home, config, { locked: true }), { signal })
  if (!spawned.ok) return spawned
  const process = stack.use(spawned.value)
  const opened = await gather(surroundings, process.keystore, { signal }, onProgress)
  if (!opened.ok) return opened
  const keystore = opened.value
  forgetKeyVariables(config)
  const registered = await registerConfiguredKeys(keystore.keys, { config, directory: home.directory, log }, { signal })
  if (!registered.ok) return registered
  const owned = stack.move()
  return ok({ keystore, pid: process.pid, [Symbol.asyncDispose]: async () => await owned.disposeAsync() })
}

async function gather(
  { config, home, log }: KeystoreSurroundings,
  keystore: LockedKeystore,
  call: CallOptions,
  onProgress: (progress: PiecesProgress) => void,
): Promise<Result<KeystoreClient>> {
  await using stack = new AsyncDisposableStack()
  const transport = await openBootTransport(keystore, call)
  if (!transport.ok) return transport
  stack.use(transport.value)
  const keys = await readLastKeys(home, call)
  if (!keys.ok) return keys
  const reader = { ...keystore.node, keys: keys.value }
  const opened = await openReplica(home, config, { log, reader, transport: transport.value, stack }, call)
  if (!opened.ok) return opened
  let rounds = 0
  const sources = {
    keystore,
    attester: openAttester(home, config),
    primitives: nativePrimitives,
    transport: transport.value,
    replica: opened.value.replica,
    clock: systemClock,
    random: systemRandom,
    log,
  }
  const unlocked = await unlockByPieces(sources, call, (progress) =>
    onProgress({ ...withStrangers(progress), path: keystore.node.path, rounds: ++rounds }),
  )
  if (!unlocked.ok) return unlocked
  const { keystore: client } = unlocked.value
  if (!(client instanceof KeystoreClient)) throw new TypeError("a keystore process gives its own client")
  return ok(client)
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

/** Who does not know the boot key refuses; that is no line that is down. */
function withStrangers(progress: UnlockProgress): UnlockProgress {
  const isStranger = ({ reason }: UnlockProgress["refused"][number]): boolean => /^PEER_(?:UNKNOWN|REMOVED):/.test(reason)
  const strangers = progress.unreachable
    .filter(isStranger)
    .map(({ path }) => ({ path, reason: "PEER_UNKNOWN: it knows this node no more; was it revoked, or did it leave?" }))
  return {
    ...progress,
    refused: [...progress.refused, ...strangers],
    unreachable: progress.unreachable.filter((each) => !isStranger(each)),
  }
}

/** What a person should know of an unlocking, in one line. */
export function piecesText({ given, needed, path, problem, refused, request, unreachable, waiting }: PiecesProgress): string {
  const parts = [`${given} of ${needed} pieces were given`]
  if (problem !== undefined) {
    parts.push(
      `this machine cannot give the evidence that its holders ask for (${problem.code}: ${problem.message}); unlock it with its passphrase, then run \`keygrove pieces join --evidence tpm2\``,
    )
  }
  if (waiting.length > 0) {
    parts.push(
      `${waiting.toSorted().join(", ")} ${waiting.length === 1 ? "waits" : "wait"} for an approval of request ${request}: \`keygrove unlock approve ${path} --request ${request}\` there`,
    )
  }
  parts.push(...refusalTexts(refused))
  if (unreachable.length > 0)
    parts.push(
      `no answer from ${unreachable
        .map((each) => each.path)
        .toSorted()
        .join(", ")}`,
    )
  return parts.join("; ")
}

/** Holders that refuse for the same reason are named together. */
function refusalTexts(refused: PiecesProgress["refused"]): readonly string[] {
  const byReason = Map.groupBy(refused, ({ reason }) => reason)
  return [...byReason]
    .map(([reason, holders]) => {
      const names = holders.map(({ path }) => path).toSorted()
      return `${names.join(", ")} ${names.length === 1 ? "refuses" : "refuse"} (${reason})`
    })
    .toSorted()
}
