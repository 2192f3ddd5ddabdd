import { toHex, unwrap } from "@keygrove/base"
import { describe, expect, test, vi } from "vitest"
import { LEFT_IDLE_MS, LEFT_MAX_MS } from "./left-lines.ts"
import { bytes, call, codeOf, echo, gate, pair, text, whoAsks, type TransportSubject } from "./transport-kit.contract.ts"

/** How long a test waits for what a peer hears of over a socket. */
const WAIT_MS = 60_000

/** What a transport promises of a node that takes another key. */
export function moveContract(subject: TransportSubject): void {
  describe("a node that moves to another key", () => {
    underWayContract(subject)
    identityContract(subject)
    endContract(subject)
  })
}

function underWayContract(subject: TransportSubject): void {
  test("has everything answered that was under way, in both directions, also after two moves in a row", async () => {
    await using network = subject.open()
    const [asked, askedBack] = [gate(), gate()]
    const { alice, bob, ask } = await pair(network, asked.handler)
    alice.transport.serve("proxy", askedBack.handler)
    const askBack = (name: string, body: string) =>
      bob.transport.request({ ...alice.address, signingKey: network.keyOf(name) }, "proxy", bytes(body), call)
    const answers = []
    for (const [index, name] of ["alice", "alice 2", "alice 3"].entries()) {
      if (index > 0) expect(unwrap(await alice.transport.move(network.identityOf(name), call))).toBe(true)
      const round = Array.from({ length: 10 }, (_, each) => `${name} ${each}`)
      answers.push(...round.flatMap((body) => [ask(bytes(body)), askBack(name, body)]))
      await Promise.all([asked.arrived(10 * (index + 1)), askedBack.arrived(10 * (index + 1))])
    }
    asked.open()
    askedBack.open()
    expect((await Promise.all(answers)).map(codeOf)).toEqual(answers.map(() => "ok"))
  })

  test("has requests answered that are made while it moves, and right after", async () => {
    await using network = subject.open()
    const { alice, ask } = await pair(network, echo)
    const first = ask(bytes("before"))
    const moving = alice.transport.move(network.identityOf("alice 2"), call)
    const during = Array.from({ length: 10 }, (_, index) => ask(bytes(`${index}`)))
    expect(unwrap(await moving)).toBe(true)
    const after = ask(bytes("after"))
    for (const answer of await Promise.all([first, ...during, after])) expect(codeOf(answer)).toBe("ok")
  })
}

function identityContract(subject: TransportSubject): void {
  test("is known by its new key to those it asks, and found under it where it was", async () => {
    await using network = subject.open()
    const { alice, ask } = await pair(network, whoAsks)
    const carol = await network.join("carol")
    alice.transport.serve("proxy", echo)
    unwrap(await ask(bytes("x")))
    unwrap(await alice.transport.move(network.identityOf("alice 2"), call))
    expect(toHex(unwrap(await ask(bytes("x"))))).toBe(toHex(network.keyOf("alice 2")))
    expect(alice.transport.addresses()).toEqual(alice.address.addresses)
    const moved = { ...alice.address, signingKey: network.keyOf("alice 2") }
    expect(text(unwrap(await carol.transport.request(moved, "proxy", bytes("here"), call)))).toBe("here")
    const refused = await carol.transport.request(alice.address, "proxy", bytes("x"), call)
    expect(refused).toMatchObject({ ok: false, code: "PEER_KEY_WRONG", data: { found: toHex(network.keyOf("alice 2")) } })
  })

  test("stays what it is when it moves to the key that it has, or under a signal that is aborted", async () => {
    await using network = subject.open()
    const { alice, ask } = await pair(network, whoAsks)
    unwrap(await alice.transport.move(network.identityOf("alice"), call))
    const aborted = { signal: AbortSignal.abort(new Error("stopped")) }
    await expect(alice.transport.move(network.identityOf("alice 2"), aborted)).rejects.toThrow("stopped")
    expect(toHex(unwrap(await ask(bytes("x"))))).toBe(toHex(network.keyOf("alice")))
    unwrap(await alice.transport.move(network.identityOf("alice 2"), call))
    expect(toHex(unwrap(await ask(bytes("x"))))).toBe(toHex(network.keyOf("alice 2")))
  })
}

function endContract(subject: TransportSubject): void {
  test("is served over the lines of its earlier key until they are idle", async () => {
    await using network = subject.open()
    const { alice, bob } = await pair(network, echo)
    alice.transport.serve("proxy", echo)
    const askBack = () => bob.transport.request(alice.address, "proxy", bytes("x"), call)
    unwrap(await askBack())
    unwrap(await alice.transport.move(network.identityOf("alice 2"), call))
    unwrap(await askBack())
    await network.pass(2 * LEFT_IDLE_MS)
    await vi.waitFor(async () => expect(await askBack()).toMatchObject({ ok: false, code: "PEER_KEY_WRONG" }), WAIT_MS)
  })

  test("keeps a line of its earlier key that is never idle for a limited time", async () => {
    await using network = subject.open()
    const held = gate()
    const { alice, ask } = await pair(network, held.handler)
    const asked = ask(bytes("x"))
    await held.arrived(1)
    unwrap(await alice.transport.move(network.identityOf("alice 2"), call))
    await network.pass(LEFT_MAX_MS - LEFT_IDLE_MS)
    const second = ask(bytes("y"))
    await held.arrived(2)
    await network.pass(LEFT_IDLE_MS)
    await held.ended
    held.open()
    // It is asked again under the new key, where that is possible.
    expect(["ok", "PEER_CLOSED"]).toContain(codeOf(await asked))
    expect(codeOf(await second)).toBe("ok")
  })

  test("is gone when it is disposed of in the middle", async () => {
    await using network = subject.open()
    const { alice, bob, ask } = await pair(network, echo)
    unwrap(await ask(bytes("x")))
    const moving = alice.transport.move(network.identityOf("alice 2"), call)
    await alice.transport[Symbol.asyncDispose]()
    expect(["ok", "PEER_CLOSED"]).toContain(codeOf(await moving))
    expect(await ask(bytes("late"))).toMatchObject({ ok: false, code: "PEER_CLOSED" })
    expect(await alice.transport.move(network.identityOf("alice 3"), call)).toMatchObject({ ok: false, code: "PEER_CLOSED" })
    for (const name of ["alice", "alice 2", "alice 3"]) {
      const peer = { ...alice.address, signingKey: network.keyOf(name) }
      await vi.waitFor(
        async () => expect(await bob.transport.request(peer, "proxy", bytes("x"), call)).toMatchObject({ code: "PEER_UNREACHABLE" }),
        WAIT_MS,
      )
    }
  })
}
