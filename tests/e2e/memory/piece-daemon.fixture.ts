import { once } from "node:events"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { spawnKeystore, spawnLockedKeystore, type KeystoreProgram } from "@keygrove/keystore"
import { systemRandom } from "@keygrove/system"
import { returned, shareAmong } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"

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
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const { cluster, commitments, owner: path } = shared.sharing
const said = {
  pids: [locked.pid, ...holders.map(({ pid }) => pid)],
  sharing: { cluster, owner: path, commitments: commitments.map(hex) },
  held: shared.held.map(({ index, stored }) => ({ index, stored: hex(stored) })),
}
process.stdout.write(`${JSON.stringify(said)}\n`)
process.stdin.resume()
await once(process.stdin, "end")
