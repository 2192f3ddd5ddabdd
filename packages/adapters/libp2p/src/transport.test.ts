import { unwrap } from "@keygrove/base"
import type { ProtocolName, RequestHandler, Transport } from "@keygrove/service"
import { describe, expect, test } from "vitest"
import { kitKey } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { transportContract } from "../../../service/src/ports/transport.contract.ts"
import { kitIdentity, kitSigner, KitTime, LOOPBACK, loopbackNetwork, openKitTransport, startMuteServer } from "./hosts.contract.ts"
import { IdentityHost } from "./identity-host.ts"
import { InboundLoad } from "./inbound-load.ts"
import { openLibp2pTransport } from "./transport.ts"

transportContract("libp2p", { open: loopbackNetwork })

const call = { signal: AbortSignal.timeout(600_000) }

describe("a peer that accepts the connection and says nothing", () => {
  test("keeps nobody waiting who gives up", async () => {
    await using mute = await startMuteServer()
    await using alice = await openKitTransport("alice")
    const [stop, late] = [new AbortController(), new AbortController()]
    const peer = { signingKey: kitKey("mute"), addresses: [mute.address] }
    const stopped = alice.request(peer, "proxy", new Uint8Array(1), { signal: stop.signal })
    const timedOut = alice.request(peer, "proxy", new Uint8Array(1), { signal: late.signal })
    await mute.accepted
    stop.abort(new Error("stopped"))
    late.abort(new DOMException("the time is up", "TimeoutError"))
    await expect(stopped).rejects.toThrow("stopped")
    expect(await timedOut).toMatchObject({ ok: false, code: "PEER_TIMEOUT" })
  })

  test("ends with the disposal of the caller", async () => {
    await using mute = await startMuteServer()
    await using alice = await openKitTransport("alice")
    const asking = alice.request({ signingKey: kitKey("mute"), addresses: [mute.address] }, "proxy", new Uint8Array(1), call)
    await mute.accepted
    await alice[Symbol.asyncDispose]()
    expect(await asking).toMatchObject({ ok: false, code: "PEER_CLOSED" })
  })

  test("is unreachable once it hangs up", async () => {
    await using mute = await startMuteServer()
    await using alice = await openKitTransport("alice")
    const asking = alice.request({ signingKey: kitKey("mute"), addresses: [mute.address] }, "proxy", new Uint8Array(1), call)
    const socket = await mute.accepted
    socket.resetAndDestroy()
    expect(await asking).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
  })
})

describe("addresses", () => {
  test("of peers that are malformed, or of no use, do not hide a good one", async () => {
    await using alice = await openKitTransport("alice")
    await using bob = await openKitTransport("bob")
    bob.serve("proxy", async ({ body }) => body)
    const bad = ["", "/", "not an address", "/ip4/999.1.1.1/tcp/1", `/ip4/127.0.0.1/tcp/1/p2p/x`, "/unix/nowhere"]
    for (const address of bad) {
      const peer = { signingKey: kitKey("carol"), addresses: [address] }
      expect(await alice.request(peer, "proxy", new Uint8Array(1), call)).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
    }
    const peer = { signingKey: kitKey("bob"), addresses: [...bad, ...bob.addresses()] }
    expect(unwrap(await alice.request(peer, "proxy", Uint8Array.of(7), call))).toEqual(Uint8Array.of(7))
  })

  test("that are taken or not of this machine are refused with their own codes", async () => {
    await using bob = await openKitTransport("bob")
    const open = (listen: readonly string[]) => openLibp2pTransport({ ...kitIdentity("alice"), clock: new KitTime(), listen })
    expect(await open(bob.addresses())).toMatchObject({ ok: false, code: "PORT_IN_USE" })
    expect(await open(["/ip4/192.0.2.1/tcp/0"])).toMatchObject({ ok: false, code: "LISTEN_FAILED" })
    expect(bob.addresses()).toEqual([expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*$/)])
  })
})

describe("a host that stops listening", () => {
  test("keeps its lines, leaves its port to others, and can listen again", async () => {
    await using alice = await openKitTransport("alice", [])
    await using bob = await openKitTransport("bob")
    bob.serve("proxy", async ({ body }) => body)
    const host = await IdentityHost.make(
      { ...kitIdentity("host"), listen: [LOOPBACK] },
      {
        handlers: new Map<ProtocolName, RequestHandler>([["proxy", async ({ from }) => from]]),
        load: new InboundLoad(),
      },
    )
    await host.start()
    const ask = async (caller: Transport) =>
      await caller.request({ signingKey: kitKey("host"), addresses: host.listening() }, "proxy", new Uint8Array(1), call)
    unwrap(await ask(alice))
    const address = host.listening()
    const listenAgain = host.stopListening()
    await using other = await openKitTransport("other", address)
    expect(other.addresses()).toEqual(address)
    const taken = { ...kitIdentity("late"), clock: new KitTime(), listen: address }
    expect(await openLibp2pTransport(taken)).toMatchObject({ ok: false, code: "PORT_IN_USE" })
    expect(unwrap(await ask(alice))).toEqual(kitKey("alice"))
    await expect(listenAgain()).rejects.toThrow("EADDRINUSE")
    await other[Symbol.asyncDispose]()
    await listenAgain()
    const back = { signingKey: kitKey("host"), addresses: address }
    expect(unwrap(await bob.request(back, "proxy", new Uint8Array(1), call))).toEqual(kitKey("bob"))
    await host.close()
  })
})

describe("the signer", () => {
  test("that refuses keeps the node from proving its key, and the reason to itself", async () => {
    const sign = async (): Promise<Uint8Array> => {
      throw new Error("the keystore is locked")
    }
    await using locked = unwrap(await openLibp2pTransport({ signingKey: kitKey("locked"), sign, clock: new KitTime(), listen: [LOOPBACK] }))
    await using bob = await openKitTransport("bob")
    bob.serve("proxy", async ({ body }) => body)
    const to = { signingKey: kitKey("bob"), addresses: bob.addresses() }
    expect(await locked.request(to, "proxy", new Uint8Array(1), call)).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
    const back = { signingKey: kitKey("locked"), addresses: locked.addresses() }
    const refused = await bob.request(back, "proxy", new Uint8Array(1), call)
    expect(refused).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
    expect(JSON.stringify(refused)).not.toContain("locked")
  })

  test("that signs with another key than it names convinces nobody", async () => {
    const thief = { signingKey: kitKey("alice"), sign: kitSigner("mallory"), clock: new KitTime(), listen: [] }
    await using mallory = unwrap(await openLibp2pTransport(thief))
    await using bob = await openKitTransport("bob")
    let requests = 0
    bob.serve("proxy", async ({ body }) => {
      requests++
      return body
    })
    const to = { signingKey: kitKey("bob"), addresses: bob.addresses() }
    expect((await mallory.request(to, "proxy", new Uint8Array(1), call)).ok).toBe(false)
    expect(requests).toBe(0)
    expect(bob.peers()).toEqual([])
  })
})
