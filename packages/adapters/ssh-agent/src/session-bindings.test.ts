import { createHash } from "node:crypto"
import { concatBytes } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { hostKey, type HostKey } from "./host-key.fixture.ts"
import { extension, RawClient, signRequest } from "./raw-client.fixture.ts"
import { runAgent } from "./running-agent.fixture.ts"
import { sshString } from "./ssh-data.ts"

const FAILURE = Uint8Array.of(5)
const SUCCESS = Uint8Array.of(6)
const EXTENSION_FAILURE = Uint8Array.of(28)
const data = Buffer.from("what is signed")

interface Binding {
  readonly id?: Uint8Array
  readonly forwarding?: number
  readonly signature?: Uint8Array
}

describe("extensions", () => {
  test("query names them", async () => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    const names = ["query", "query", "session-bind@openssh.com"].map((name) => sshString(name))
    expect(await client.ask(extension("query"))).toEqual(concatBytes(Uint8Array.of(29), ...names))
    expect(await client.ask(extension("query", Uint8Array.of(0)))).toEqual(EXTENSION_FAILURE)
  })

  const session = createHash("sha256").update("session").digest()
  const bind = (host: HostKey, { forwarding = 0, id = session, signature }: Binding = {}): Uint8Array =>
    extension(
      "session-bind@openssh.com",
      sshString(host.blob),
      sshString(id),
      sshString(signature ?? host.sign(id)),
      Uint8Array.of(forwarding),
    )

  test.each(["ed25519", "nistp256", "nistp384", "nistp521", "rsa"] as const)("session-bind with a host key of %s", async (kind) => {
    await using agent = await runAgent()
    const host = hostKey(kind)
    for (let round = 0; round < 4; round++) {
      using client = await RawClient.open(agent.socketPath)
      const wrong = Buffer.from(host.sign(session))
      wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
      expect(await client.ask(bind(host, { signature: wrong }))).toEqual(EXTENSION_FAILURE)
      expect(await client.ask(bind(host, { signature: host.sign(Buffer.from("other")) }))).toEqual(EXTENSION_FAILURE)
      expect(await client.ask(bind(host))).toEqual(SUCCESS)
      // Bound for logging in, so for nothing more.
      expect(await client.ask(bind(host, { id: Buffer.from("next") }))).toEqual(EXTENSION_FAILURE)
    }
  })

  test("a bound connection logs in to its session only", async () => {
    await using agent = await runAgent()
    agent.keys.add("web", "ed25519")
    using client = await RawClient.open(agent.socketPath)
    const blob = await client.blobOf("web")
    const login = (id: Uint8Array): Uint8Array => signRequest(blob, concatBytes(sshString(id), Uint8Array.of(50), sshString("me")))
    expect((await client.ask(login(Buffer.from("other"))))?.[0]).toBe(14)
    expect(await client.ask(bind(hostKey("ed25519")))).toEqual(SUCCESS)
    expect((await client.ask(login(session)))?.[0]).toBe(14)
    expect(await client.ask(login(Buffer.from("other")))).toEqual(FAILURE)
    expect((await client.ask(signRequest(blob, data)))?.[0]).toBe(14)
  })

  test("a forwarded connection is bound hop by hop, 16 at most, each session to one host", async () => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    const [host, other] = [hostKey("ed25519"), hostKey("ed25519")]
    const hop = (index: number): { id: Buffer; forwarding: number } => ({ id: Buffer.from(`hop ${index}`), forwarding: 1 })
    for (let index = 0; index < 16; index++) expect(await client.ask(bind(host, hop(index)))).toEqual(SUCCESS)
    expect(await client.ask(bind(host, hop(3)))).toEqual(SUCCESS)
    expect(await client.ask(bind(other, hop(3)))).toEqual(EXTENSION_FAILURE)
    expect(await client.ask(bind(host, hop(16)))).toEqual(EXTENSION_FAILURE)
  })

  test.each<readonly [string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["a forwarding that is neither yes nor no", bind(hostKey("ed25519"), { forwarding: 2 })],
    ["an empty session", bind(hostKey("ed25519"), { id: Buffer.alloc(0) })],
    ["a long session", bind(hostKey("ed25519"), { id: Buffer.alloc(129) })],
    ["more than it should hold", concatBytes(bind(hostKey("ed25519")), Uint8Array.of(0))],
    ["an unknown host key", extension("session-bind@openssh.com", sshString("x"), sshString("y"), sshString("z"), Uint8Array.of(0))],
  ])("session-bind with %s is refused", async (_what, message) => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    const whole = message.length === 0 ? extension("session-bind@openssh.com") : message
    expect(await client.ask(whole)).toEqual(EXTENSION_FAILURE)
  })
})
