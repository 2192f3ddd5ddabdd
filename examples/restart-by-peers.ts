// Three nodes of one cluster keep pieces of each other's storage keys. The last one is locked, which wipes its keys as a restart does, and the other two
// unlock it; nobody types anything. Needs three running nodes of one cluster (`keygrove dev` makes them).
//
//   node examples/restart-by-peers.ts HOME HOME HOME
import { setTimeout as delay } from "node:timers/promises"
import { Keygrove } from "keygrove"

const homes = process.argv.slice(2)
if (homes.length !== 3) throw new TypeError("usage: restart-by-peers.ts HOME HOME HOME")

const interruption = new AbortController()
process.once("SIGINT", () => interruption.abort())
const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(180_000)])

await using stack = new AsyncDisposableStack()
const groves: Keygrove[] = []
for (const home of homes) groves.push(stack.use(await Keygrove.connect({ home, signal })))

/** Asks until it is so; the signal ends it. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(250, undefined, { signal })
}

// Each becomes a member. The third makes them enough, and a key generation begins.
for (const { pieces } of groves) {
  const { path } = await pieces.join({ signal })
  console.log(`${path} is a member`)
}
const [first, , restarted] = groves
if (first === undefined || restarted === undefined) throw new TypeError("three homes give three groves")
await until(async () => (await first.pieces.status({ ask: false, signal })).generation?.shared === 3)
for (const { canUnlock, losses, path } of (await first.pieces.status({ signal })).nodes)
  console.log(`${path}: ${canUnlock === true ? "its peers could unlock it now" : "not yet"}; lost with ${losses.join(" or ")}`)

const { path } = await restarted.pieces.status({ ask: false, signal })
await restarted.lock({ signal })
console.log(`${path} is ${(await restarted.lockState({ signal })).state}`)
await restarted.unlock({ byPieces: true, signal })
await until(async () => {
  const { peers, state } = await restarted.lockState({ signal })
  // With `pieces.join({ unlock: "approve" })` a person compares these digits, and another node is told: pieces.approve(path, { request }).
  if (peers !== null && peers.waiting.length > 0) console.log(`approve request ${peers.request} on ${peers.waiting.join(" or ")}`)
  return state === "serving"
})
console.log(`${path} is unlocked by its peers`)

const proofs = await first.pieces.verify({ signal })
const proved = proofs.filter(({ state }) => state === "proved")
console.log(`${proved.length} of ${proofs.length} pieces are proved to be where the ledger says`)
