import { refuse, toHex, unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { MAX_MESSAGE_BYTES, MAX_PEER_REQUESTS } from "./transport-limits.ts"
import { bytes, call, codeOf, echo, gate, pair, text, whoAsks, type TransportSubject } from "./transport-kit.contract.ts"
import { moveContract } from "./transport-move.contract.ts"

/** The suite that every transport passes. */
export function transportContract(name: string, subject: TransportSubject): void {
  describe(`transport: ${name}`, () => {
    messagesContract(subject)
    identityContract(subject)
    signalsContract(subject)
    handlersContract(subject)
    limitsContract(subject)
    disposalContract(subject)
    moveContract(subject)
  })
}

function messagesContract(subject: TransportSubject): void {
  test.each([0, 1, 65_537, MAX_MESSAGE_BYTES - 1, MAX_MESSAGE_BYTES])("carries a request and an answer of %i bytes", async (length) => {
    await using network = subject.open()
    const { ask } = await pair(network, async ({ body }) => body.toReversed())
    const body = Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255)
    const answer = unwrap(await ask(body))
    expect(Buffer.compare(answer, body.toReversed())).toBe(0)
  })

  test("refuses a request over the limit before it is sent", async () => {
    await using network = subject.open()
    let requests = 0
    const { ask } = await pair(network, async ({ body }) => {
      requests++
      return body
    })
    for (const length of [MAX_MESSAGE_BYTES + 1, MAX_MESSAGE_BYTES + 200, 3 * MAX_MESSAGE_BYTES])
      expect(await ask(new Uint8Array(length))).toMatchObject({ ok: false, code: "MESSAGE_TOO_LONG" })
    expect(text(unwrap(await ask(bytes("still here"))))).toBe("still here")
    expect(requests).toBe(1)
  })

  test("refuses an answer over the limit, and goes on", async () => {
    await using network = subject.open()
    const { ask } = await pair(network, async ({ body }) => new Uint8Array(Number(text(body))))
    for (const length of [MAX_MESSAGE_BYTES + 1, MAX_MESSAGE_BYTES + 200, 3 * MAX_MESSAGE_BYTES])
      expect(await ask(bytes(`${length}`))).toMatchObject({ ok: false, code: "PEER_PROTOCOL" })
    expect(unwrap(await ask(bytes(`${MAX_MESSAGE_BYTES}`)))).toHaveLength(MAX_MESSAGE_BYTES)
  })

  test("gives each of many requests at once its own answer, in whatever order they come", async () => {
    await using network = subject.open()
    const all = gate()
    const { ask } = await pair(network, async (request, options) => {
      const body = await all.handler(request, options)
      // The later a request came, the fewer turns its answer waits.
      for (let turn = Number(text(body)); turn < MAX_PEER_REQUESTS; turn++) await Promise.resolve()
      return bytes(`${text(body)} answered`)
    })
    const answers = Array.from({ length: MAX_PEER_REQUESTS }, (_, index) => ask(bytes(`${index}`)))
    await all.arrived(MAX_PEER_REQUESTS)
    all.open()
    const texts = (await Promise.all(answers)).map((answer) => text(unwrap(answer)))
    expect(texts).toEqual(texts.map((_, index) => `${index} answered`))
  })

  test("hands out copies: neither side can change what the other holds", async () => {
    await using network = subject.open()
    const kept: Uint8Array[] = []
    const { ask } = await pair(network, async ({ body }) => {
      kept.push(body)
      return body
    })
    const body = bytes("first")
    const answer = unwrap(await ask(body))
    body.fill(0)
    answer.fill(0)
    unwrap(await ask(bytes("other")))
    expect(kept.map(text)).toEqual(["first", "other"])
  })
}

function identityContract(subject: TransportSubject): void {
  test("tells the handler the true key of each caller", async () => {
    await using network = subject.open()
    const nodes = await Promise.all(["alice", "bob", "carol"].map((each) => network.join(each)))
    for (const { transport } of nodes) transport.serve("proxy", whoAsks)
    for (const caller of nodes)
      for (const server of nodes.filter((node) => node !== caller)) {
        const seen = unwrap(await caller.transport.request(server.address, "proxy", new Uint8Array(0), call))
        expect(toHex(seen)).toBe(toHex(caller.address.signingKey))
      }
    for (const { transport, address } of nodes) {
      const others = nodes.map((node) => toHex(node.address.signingKey)).filter((key) => key !== toHex(address.signingKey))
      expect(transport.peers().map(toHex).toSorted()).toEqual(others.toSorted())
    }
  })

  test("calls back over the line of a caller whose address it does not know", async () => {
    await using network = subject.open()
    const { alice, bob, ask } = await pair(network, echo)
    alice.transport.serve("ledger", whoAsks)
    unwrap(await ask(bytes("hello")))
    const back = await bob.transport.request({ signingKey: alice.address.signingKey, addresses: [] }, "ledger", new Uint8Array(0), call)
    expect(toHex(unwrap(back))).toBe(toHex(bob.address.signingKey))
  })

  test("refuses a peer that is gone, one without an address, and itself", async () => {
    await using network = subject.open()
    const { alice, bob } = await pair(network, echo)
    await bob[Symbol.asyncDispose]()
    const nowhere = { signingKey: network.keyOf("nobody"), addresses: [] }
    for (const address of [bob.address, nowhere, alice.address])
      expect(await alice.transport.request(address, "proxy", bytes("x"), call)).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
  })

  test("refuses another node at the peer's address with a code of its own, and sends it nothing", async () => {
    await using network = subject.open()
    let requests = 0
    const { alice, bob } = await pair(network, async ({ body }) => {
      requests++
      return body
    })
    const carol = { signingKey: network.keyOf("carol"), addresses: bob.address.addresses }
    expect(await alice.transport.request(carol, "proxy", bytes("x"), call)).toMatchObject({ ok: false, code: "PEER_KEY_WRONG" })
    expect(requests).toBe(0)
    unwrap(await alice.transport.request(bob.address, "proxy", bytes("x"), call))
  })

  test("reaches a node again that was restarted", async () => {
    await using network = subject.open()
    const { alice, bob, ask } = await pair(network, echo)
    unwrap(await ask(bytes("before")))
    await bob[Symbol.asyncDispose]()
    const again = await network.join("bob")
    again.transport.serve("proxy", echo)
    expect(text(unwrap(await alice.transport.request(again.address, "proxy", bytes("after"), call)))).toBe("after")
  })
}

function signalsContract(subject: TransportSubject): void {
  const timeout = (): DOMException => new DOMException("the time is up", "TimeoutError")

  test("sends nothing under a signal that is aborted already", async () => {
    await using network = subject.open()
    let requests = 0
    const { ask } = await pair(network, async ({ body }) => {
      requests++
      return body
    })
    await expect(ask(bytes("x"), { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped")
    expect(await ask(bytes("x"), { signal: AbortSignal.abort(timeout()) })).toMatchObject({ ok: false, code: "PEER_TIMEOUT" })
    unwrap(await ask(bytes("x")))
    expect(requests).toBe(1)
  })

  test("ends a request with its signal and no other", async () => {
    await using network = subject.open()
    const held = gate()
    const { ask } = await pair(network, held.handler)
    const [stop, late] = [new AbortController(), new AbortController()]
    const kept = ask(bytes("kept"))
    const stopped = ask(bytes("stopped"), { signal: stop.signal })
    const timedOut = ask(bytes("late"), { signal: late.signal })
    await held.arrived(3)
    stop.abort(new Error("stopped"))
    late.abort(timeout())
    await expect(stopped).rejects.toThrow("stopped")
    expect(await timedOut).toMatchObject({ ok: false, code: "PEER_TIMEOUT" })
    held.open()
    expect(text(unwrap(await kept))).toBe("kept")
    expect(text(unwrap(await ask(bytes("next"))))).toBe("next")
  })

  test("ends a request while the line is being opened, without harm to others that wait for it", async () => {
    await using network = subject.open()
    const { ask } = await pair(network, echo)
    const stop = new AbortController()
    const stopped = ask(bytes("stopped"), { signal: stop.signal })
    const kept = ask(bytes("kept"))
    stop.abort(new Error("stopped"))
    await expect(stopped).rejects.toThrow("stopped")
    expect(text(unwrap(await kept))).toBe("kept")
  })
}

function handlersContract(subject: TransportSubject): void {
  test("answers PEER_PROTOCOL for a handler that fails, and tells nothing more", async () => {
    await using network = subject.open()
    const { ask } = await pair(network, (request) => {
      if (text(request.body) === "throw") throw new Error("an inner matter")
      return text(request.body) === "reject" ? Promise.reject(new Error("an inner matter")) : Promise.resolve(request.body)
    })
    for (const body of ["throw", "reject"]) {
      const refused = await ask(bytes(body))
      expect(refused).toMatchObject({ ok: false, code: "PEER_PROTOCOL" })
      expect(JSON.stringify(refused)).not.toContain("inner")
    }
    expect(text(unwrap(await ask(bytes("fine"))))).toBe("fine")
  })

  test("answers PEER_PROTOCOL for what nobody serves, until somebody does", async () => {
    await using network = subject.open()
    const { bob, ask } = await pair(network, echo)
    expect(await ask(bytes("x"), call, "ledger")).toMatchObject({ ok: false, code: "PEER_PROTOCOL" })
    bob.transport.serve("ledger", async () => bytes("the other protocol"))
    expect(text(unwrap(await ask(bytes("x"), call, "ledger")))).toBe("the other protocol")
    expect(text(unwrap(await ask(bytes("x"))))).toBe("x")
  })

  test("stops serving for new requests, answers those under way, and serves again", async () => {
    await using network = subject.open()
    const held = gate()
    const { bob, serving, ask } = await pair(network, held.handler)
    const underWay = ask(bytes("under way"))
    await held.arrived(1)
    serving[Symbol.dispose]()
    expect(await ask(bytes("late"))).toMatchObject({ ok: false, code: "PEER_PROTOCOL" })
    held.open()
    expect(text(unwrap(await underWay))).toBe("under way")
    serving[Symbol.dispose]()
    using again = bob.transport.serve("proxy", async () => bytes("again"))
    expect(text(unwrap(await ask(bytes("x"))))).toBe("again")
    serving[Symbol.dispose]()
    expect(text(unwrap(await ask(bytes("x"))))).toBe("again")
    expect(again).toBeDefined()
  })

  test.each(["PEER_UNKNOWN", "PEER_REMOVED"] as const)("passes on that a handler does not answer its caller: %s", async (code) => {
    await using network = subject.open()
    const { bob, ask } = await pair(network, async ({ body }) => (text(body) === "x" ? refuse(code, "an inner matter") : body))
    const refused = await ask(bytes("x"))
    expect(refused).toMatchObject({ ok: false, code })
    expect(JSON.stringify(refused)).not.toContain("inner")
    expect(text(unwrap(await ask(bytes("fine"))))).toBe("fine")
    expect(bob.transport.peers()).toHaveLength(1)
  })

  test("takes one handler for each protocol", async () => {
    await using network = subject.open()
    const { bob, ask } = await pair(network, echo)
    expect(() => bob.transport.serve("proxy", whoAsks)).toThrow(TypeError)
    expect(text(unwrap(await ask(bytes("x"))))).toBe("x")
  })
}

function limitsContract(subject: TransportSubject): void {
  test("has a limited number of requests of one peer under way, over all protocols; others are not affected", async () => {
    await using network = subject.open()
    const held = gate()
    const { bob, ask } = await pair(network, held.handler)
    bob.transport.serve("ledger", held.handler)
    const carol = await network.join("carol")
    const half = MAX_PEER_REQUESTS / 2
    const answers = Array.from({ length: half }, (_, index) => [ask(bytes(`${index}`)), ask(bytes(`${index}`), call, "ledger")]).flat()
    await held.arrived(MAX_PEER_REQUESTS)
    expect(await ask(bytes("one more"))).toMatchObject({ ok: false, code: "PEER_BUSY" })
    expect(await ask(bytes("one more"), call, "ledger")).toMatchObject({ ok: false, code: "PEER_BUSY" })
    const other = carol.transport.request(bob.address, "proxy", bytes("carol"), call)
    await held.arrived(MAX_PEER_REQUESTS + 1)
    held.open()
    expect((await Promise.all([...answers, other])).map(codeOf)).toEqual(Array.from({ length: MAX_PEER_REQUESTS + 1 }, () => "ok"))
    expect(text(unwrap(await ask(bytes("again"))))).toBe("again")
  })

  test("refuses more at once than the limit of one protocol", async () => {
    await using network = subject.open()
    const held = gate()
    const { ask } = await pair(network, held.handler)
    const answers = Array.from({ length: MAX_PEER_REQUESTS }, (_, index) => ask(bytes(`${index}`)))
    await held.arrived(MAX_PEER_REQUESTS)
    expect(await ask(bytes("one more"))).toMatchObject({ ok: false, code: "PEER_BUSY" })
    held.open()
    expect((await Promise.all(answers)).every((answer) => answer.ok)).toBe(true)
  })
}

function disposalContract(subject: TransportSubject): void {
  test("the caller's disposal ends what it asked, and its peers hear of it", async () => {
    await using network = subject.open()
    const held = gate()
    const { alice, bob, ask } = await pair(network, held.handler)
    const answers = Array.from({ length: 10 }, (_, index) => ask(bytes(`${index}`)))
    await held.arrived(10)
    await Promise.all([alice.transport[Symbol.asyncDispose](), alice.transport[Symbol.asyncDispose]()])
    expect((await Promise.all(answers)).map(codeOf)).toEqual(answers.map(() => "PEER_CLOSED"))
    await held.ended
    await alice.transport[Symbol.asyncDispose]()
    expect(await ask(bytes("late"))).toMatchObject({ ok: false, code: "PEER_CLOSED" })
    held.open()
    const carol = await network.join("carol")
    expect(text(unwrap(await carol.transport.request(bob.address, "proxy", bytes("x"), call)))).toBe("x")
  })

  test("the server's disposal ends what it was asked with a code, also of requests on a line in use", async () => {
    await using network = subject.open()
    const held = gate()
    const { bob, ask } = await pair(network, held.handler)
    const answers = Array.from({ length: 10 }, (_, index) => ask(bytes(`${index}`)))
    await held.arrived(10)
    await bob.transport[Symbol.asyncDispose]()
    for (const answer of await Promise.all(answers)) expect(["PEER_CLOSED", "PEER_UNREACHABLE"]).toContain(codeOf(answer))
    await held.ended
    held.open()
    await bob.transport[Symbol.asyncDispose]()
    expect(await ask(bytes("late"))).toMatchObject({ ok: false, code: "PEER_UNREACHABLE" })
  })

  test("a peer that is disconnected loses what is under way, and may come again", async () => {
    await using network = subject.open()
    const held = gate()
    const { alice, bob, ask } = await pair(network, held.handler)
    const carol = await network.join("carol")
    const asked = ask(bytes("x"))
    const other = carol.transport.request(bob.address, "proxy", bytes("carol"), call)
    await held.arrived(2)
    bob.transport.disconnect(alice.address.signingKey)
    await held.ended
    held.open()
    // It is asked again on a new line, where that is possible.
    expect(["ok", "PEER_CLOSED"]).toContain(codeOf(await asked))
    expect(text(unwrap(await other))).toBe("carol")
    expect(text(unwrap(await ask(bytes("again"))))).toBe("again")
    bob.transport.disconnect(network.keyOf("nobody"))
  })

  test("disposal while a line is being opened ends the request", async () => {
    await using network = subject.open()
    const { alice, ask } = await pair(network, echo)
    const asking = ask(bytes("x"))
    await alice.transport[Symbol.asyncDispose]()
    expect(["ok", "PEER_CLOSED"]).toContain(codeOf(await asking))
  })
}
