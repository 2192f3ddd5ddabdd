import fc from "fast-check"
import { concatBytes } from "@keygrove/base"
import { expect, test } from "vitest"
import { AgentMessageReader, decodeAgentRequest } from "./agent-codec.ts"
import { hostKey } from "./host-key.fixture.ts"
import { extension, framed, signRequest } from "./raw-client.fixture.ts"
import { SessionBindings } from "./session-bindings.ts"
import { sshString } from "./ssh-data.ts"

const RUNS = 1_000
const INPUTS_EACH = 1_000

const honest = honestMessages()

/** Every kind of message; the first binds a session. */
function honestMessages(): readonly Uint8Array[] {
  const host = hostKey("ed25519")
  const session = new Uint8Array(32).fill(7)
  const blob = concatBytes(sshString("ssh-ed25519"), sshString(session))
  const parts = [host.blob, session, host.sign(session)].map((part) => sshString(part))
  return [
    extension("session-bind@openssh.com", ...parts, Uint8Array.of(1)),
    Uint8Array.of(11),
    signRequest(blob, concatBytes(sshString(session), Uint8Array.of(50), sshString("me"))),
    extension("query"),
    concatBytes(Uint8Array.of(17), blob),
  ]
}

/** What a client that knows the protocol sends. Few bind a session: checking a host's signature takes longer than all the rest. */
function honestStream(roll: (sides: number) => number): Uint8Array {
  const [binding, ...others] = honest
  const one = (): Uint8Array => framed((roll(100) === 0 ? binding : others[roll(others.length)]) ?? Uint8Array.of(11))
  return roll(2) === 0 ? one() : concatBytes(one(), one())
}

/** A small generator (xorshift): a million inputs from fast-check itself would take minutes, and its seed names this one's. */
function dice(seed: number): (sides: number) => number {
  let state = seed | 1
  return (sides) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % sides
  }
}

/** The stream with a few bytes changed, removed or put in: lengths among them, so that parts shift into each other. */
function mutated(stream: Uint8Array, roll: (sides: number) => number): Uint8Array {
  let bytes = Uint8Array.from(stream)
  for (let changes = 1 + roll(4); changes > 0; changes--) {
    const at = roll(bytes.length)
    const kind = roll(4)
    if (kind === 0) bytes[at] = roll(256)
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << roll(8))
    else if (kind === 2) bytes = bytes.slice(0, at + 1)
    else bytes = spliced(bytes, at, Uint8Array.of(0, 0, 0, roll(40)).subarray(roll(4)))
  }
  return bytes
}

function spliced(bytes: Uint8Array, at: number, inserted: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(bytes.length + inserted.length)
  longer.set(bytes.subarray(0, at))
  longer.set(inserted, at)
  longer.set(bytes.subarray(at), at + inserted.length)
  return longer
}

/** Reads a stream as a connection does. How many messages it had. */
function readAll(stream: Uint8Array, bindings: SessionBindings): number {
  const reader = new AgentMessageReader()
  let messages = 0
  for (let at = 0; at < stream.length;) {
    const taken = reader.take(stream.subarray(at, at + 50))
    if (taken === "length refused") return messages
    at += taken.used
    if (taken.message === undefined) continue
    messages++
    const request = decodeAgentRequest(taken.message)
    if (request.kind === "sign") bindings.allows(request.data)
    if (request.kind === "extension" && request.name.startsWith("session")) bindings.bind(request.contents)
  }
  return messages
}

test("a million streams of nearly honest messages are read to their ends or refused", { timeout: 300_000 }, () => {
  let messages = 0
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const roll = dice(seed)
      const bindings = new SessionBindings()
      for (let input = 0; input < INPUTS_EACH; input++) {
        messages += readAll(mutated(honestStream(roll), roll), bindings)
      }
    }),
    { numRuns: RUNS },
  )
  expect(messages).toBeGreaterThan(RUNS * INPUTS_EACH * 0.5)
})
