import { once } from "node:events"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import {
  spawnKeystore,
  spawnLockedKeystore,
  type KeystoreProcess,
  type KeystoreProgram,
  type LockedKeystoreProcess,
} from "@keygrove/keystore"
import { systemRandom } from "@keygrove/system"
import { cardOf, granted } from "../../../packages/service/src/ports/delegated-start-cast.contract.ts"
import { returned, shareAmong, type PieceKeystore } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"

/** What a daemon does with pieces, for an owner and its holders at once: carries them between keystores. Told are the program and the homes, the owner's first; says what it carried, and waits. */
const [program = "", ownerHome = "", ...holderHomes] = process.argv.slice(2)
const call = { signal: AbortSignal.timeout(170_000) }

function programFor(directory: string, ...args: readonly string[]): KeystoreProgram {
  const file = (name: string): string => join(directory, name)
  const files = ["--store", file("keystore.db"), "--audit", file("audit.db"), "--boot-key", file("boot-key")]
  return { command: process.execPath, args: [program, "serve", ...files, ...args] }
}

await using stack = new AsyncDisposableStack()
const owner = unwrap(await spawnKeystore(programFor(ownerHome, "--key-file", join(ownerHome, "key")), call))
const holders = await Promise.all(
  holderHomes.map(async (home) => stack.use(unwrap(await spawnKeystore(programFor(home, "--key-file", join(home, "key")), call)))),
)
const shared = await shareAmong(
  owner.keystore,
  holders.map(({ keystore }) => keystore),
  1,
)
await owner[Symbol.asyncDispose]()
const locked = stack.use(unwrap(await spawnLockedKeystore(programFor(ownerHome, "--locked"), call)))
const request = systemRandom(32)
const pieces = await returned(locked.keystore, shared.held, request)
unwrap(await locked.keystore.unlock({ sharing: shared.sharing, request, pieces }, call))
const [labelOwner, ...proxies] = holders
const [first, second, delegating] = proxies
if (labelOwner === undefined || first === undefined || second === undefined || delegating === undefined)
  throw new TypeError("there are four holders")
const byGrant = stack.use(await startByGrant(delegating, labelOwner.keystore, [first.keystore, second.keystore]))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const { cluster, commitments, owner: path } = shared.sharing
const said = {
  pids: [locked.pid, byGrant.pid, ...holders.slice(0, 3).map(({ pid }) => pid)],
  sharing: { cluster, owner: path, commitments: commitments.map(hex) },
  held: shared.held.map(({ index, stored }) => ({ index, stored: hex(stored) })),
}
process.stdout.write(`${JSON.stringify(said)}\n`)
process.stdin.resume()
await once(process.stdin, "end")

/** The last of the holders starts again, by a grant of a label of the first: what a daemon carries for that. */
async function startByGrant(
  node: KeystoreProcess,
  owner: PieceKeystore,
  proxies: readonly PieceKeystore[],
): Promise<LockedKeystoreProcess> {
  const home = holderHomes.at(-1) ?? ""
  unwrap(await node.keystore.delegateStart(await cardOf(owner), call))
  await node[Symbol.asyncDispose]()
  const started = unwrap(await spawnLockedKeystore(programFor(home, "--locked"), call))
  const { bootKeys, delegatedStart } = started.keystore
  if (delegatedStart === undefined) throw new TypeError("a label opens the last holder")
  unwrap(await started.keystore.unlockDelegated(await granted({ owner, proxies }, delegatedStart, bootKeys.encryptionKey), call))
  return started
}
