import { toHex, unwrap } from "@keygrove/base"
import { expect, test } from "vitest"
import { kitKey } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { transportContract } from "../../../service/src/ports/transport.contract.ts"
import { SimulatedClock } from "./clock.ts"
import { MemoryNetwork } from "./transport.ts"

const noHandshake = async (): Promise<Uint8Array> => {
  throw new TypeError("there are no handshakes in memory")
}

transportContract("memory", {
  open: () => {
    const clock = new SimulatedClock()
    const network = new MemoryNetwork(clock)
    const nodes = new AsyncDisposableStack()
    return {
      keyOf: kitKey,
      identityOf: (name) => ({ signingKey: kitKey(name), sign: noHandshake }),
      pass: (durationMs) => clock.advance(durationMs),
      join: async (name) => {
        const transport = nodes.use(network.join(kitKey(name)))
        const address = { signingKey: kitKey(name), addresses: transport.addresses() }
        return { transport, address, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() }
      },
      [Symbol.asyncDispose]: () => nodes.disposeAsync(),
    }
  },
})

const call = { signal: new AbortController().signal }

test("a line that is cut ends what is under way and takes nothing until it is mended", async () => {
  const network = new MemoryNetwork()
  await using alice = network.join(kitKey("alice"))
  await using bob = network.join(kitKey("bob"))
  const to = { signingKey: kitKey("bob"), addresses: [] }
  const started = Promise.withResolvers<void>()
  const never = Promise.withResolvers<Uint8Array>()
  const serving = bob.serve("proxy", async () => {
    started.resolve()
    return await never.promise
  })
  const asking = alice.request(to, "proxy", new Uint8Array(1), call)
  await started.promise
  network.setReachable(kitKey("bob"), false)
  expect(await asking).toMatchObject({ ok: false, code: "PEER_CLOSED" })
  expect(await alice.request(to, "proxy", new Uint8Array(1), call)).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
  expect(alice.peers()).toEqual([])
  network.setReachable(kitKey("bob"), true)
  serving[Symbol.dispose]()
  using _serving = bob.serve("proxy", async ({ from }) => from)
  expect(toHex(unwrap(await alice.request(to, "proxy", new Uint8Array(1), call)))).toBe(toHex(kitKey("alice")))
})
