import { randomBytes } from "node:crypto"
import { concatBytes } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { extension, framed, RawClient, signRequest } from "./raw-client.fixture.ts"
import { runAgent } from "./running-agent.fixture.ts"
import { mpint, sshString } from "./ssh-data.ts"

const FAILURE = Uint8Array.of(5)
const data = Buffer.from("what is signed")

describe("keys", () => {
  test("are listed and sign while they are enabled, as ssh-agent to their rules", async () => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    const id = agent.keys.add("web", "ed25519", { allow: [{ caller: "ssh-agent", operations: ["sign"] }] })
    const blob = await client.blobOf("web")
    expect((await client.ask(signRequest(blob, data)))?.[0]).toBe(14)
    expect(agent.keys.callers).toEqual(["ssh-agent"])
    agent.keys.setState(id, "disabled")
    expect(await client.ask(signRequest(blob, data))).toEqual(FAILURE)
    expect(agent.log.at(-1)).toContain("KEY_DISABLED")
    expect(await client.list()).toEqual([])
    agent.keys.setState(id, "enabled")
    expect(await client.list()).toHaveLength(1)
  })

  test("are offered in their newest version only, and no other signs for it", async () => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    const id = agent.keys.add("web", "p256")
    const old = await client.blobOf("web")
    agent.keys.rotate(id)
    expect(await client.ask(signRequest(old, data))).toEqual(FAILURE)
    expect(agent.log.at(-1)).toContain("rotated")
    const fresh = await client.blobOf("web")
    expect(fresh).not.toEqual(old)
    expect((await client.ask(signRequest(fresh, data)))?.[0]).toBe(14)
    expect(await client.ask(signRequest(old, data))).toEqual(FAILURE)
  })

  test("are found without a list before, also one made while the client is there", async () => {
    await using agent = await runAgent()
    using other = await RawClient.open(agent.socketPath)
    using client = await RawClient.open(agent.socketPath)
    expect(await other.list()).toEqual([])
    agent.keys.add("web", "ed25519")
    const blob = await other.blobOf("web")
    expect((await client.ask(signRequest(blob, data)))?.[0]).toBe(14)
  })

  test.each([500, 100])("are paged through, %i at a time, up to as many as fit a message", async (pageKeys) => {
    await using agent = await runAgent()
    agent.keys.pageKeys = pageKeys
    for (let index = 0; index < 1_100; index++) agent.keys.add(`key-${String(index).padStart(4, "0")}`, "ed25519")
    using client = await RawClient.open(agent.socketPath)
    const listed = await client.list()
    expect(listed).toHaveLength(1_024)
    expect(listed.at(-1)?.comment).toBe("key-1023")
  })

  test("wait for confirmation, one request at a time, and only while the client is there", async () => {
    const asked: string[] = []
    const answers: ((agreed: boolean) => void)[] = []
    const gone: string[] = []
    const wake = { asked: Promise.withResolvers<void>(), gone: Promise.withResolvers<void>() }
    await using agent = await runAgent({
      confirm: async (id, signal) => {
        asked.push(id)
        signal.addEventListener("abort", () => (gone.push(id), wake.gone.resolve()))
        const { promise, resolve } = Promise.withResolvers<boolean>()
        answers.push(resolve)
        wake.asked.resolve()
        return await promise
      },
    })
    agent.keys.add("web", "ed25519", { confirm: true })
    using client = await RawClient.open(agent.socketPath)
    const blob = await client.blobOf("web")
    client.socket.write(concatBytes(framed(signRequest(blob, data)), framed(signRequest(blob, data))))
    await wake.asked.promise
    expect(asked).toEqual(["web"])
    wake.asked = Promise.withResolvers()
    answers.shift()?.(true)
    expect((await client.answer())?.[0]).toBe(14)
    await wake.asked.promise
    answers.shift()?.(false)
    expect(await client.answer()).toEqual(FAILURE)
    expect(agent.log.at(-1)).toContain("not confirmed")
    wake.asked = Promise.withResolvers()
    client.socket.write(framed(signRequest(blob, data)))
    await wake.asked.promise
    client.socket.destroy()
    await wake.gone.promise
    expect(gone.length).toBeGreaterThan(0)
    using next = await RawClient.open(agent.socketPath)
    expect(await next.list()).toHaveLength(1)
  })

  test("are judged by the rules of now, whatever was listed", async () => {
    const asked: string[] = []
    await using agent = await runAgent({ confirm: async (id) => (asked.push(id), await Promise.resolve(asked.length > 1)) })
    const id = agent.keys.add("web", "ed25519")
    using client = await RawClient.open(agent.socketPath)
    const blob = await client.blobOf("web")
    agent.keys.setRules(id, { confirm: true })
    expect(await client.ask(signRequest(blob, data))).toEqual(FAILURE)
    expect((await client.ask(signRequest(blob, data)))?.[0]).toBe(14)
    expect(asked).toEqual(["web", "web"])
    agent.keys.setRules(id, { allow: [{ caller: "node", operations: ["sign"] }] })
    expect(await client.ask(signRequest(blob, data))).toEqual(FAILURE)
    expect(agent.log.at(-1)).toContain("KEY_NOT_ALLOWED")
    agent.keys.setRules(id, {})
    await client.list()
    expect((await client.ask(signRequest(blob, data)))?.[0]).toBe(14)
    expect(asked).toHaveLength(3)
  })

  test("that want confirmation are not used where nobody can be asked", async () => {
    await using agent = await runAgent()
    agent.keys.add("web", "ed25519", { confirm: true })
    using client = await RawClient.open(agent.socketPath)
    expect(await client.ask(signRequest(await client.blobOf("web"), data))).toEqual(FAILURE)
    expect(agent.keys.callers).toEqual([])
  })

  test("a fault of the keystore is a failure for its client and no more", async () => {
    await using agent = await runAgent()
    agent.keys.add("web", "ed25519")
    using client = await RawClient.open(agent.socketPath)
    const blob = await client.blobOf("web")
    agent.keys.beforeSigning = async () => await Promise.reject(new Error("broken"))
    expect(await client.ask(signRequest(blob, data))).toEqual(FAILURE)
    expect(agent.log.at(-1)).toContain("broken")
    expect(await client.list()).toHaveLength(1)
  })
})

describe("everything else is a failure", () => {
  const rsa = concatBytes(sshString("ssh-rsa"), mpint(Uint8Array.of(1, 0, 1)), mpint(new Uint8Array(256).fill(0xaa)))

  test.each<readonly [string, Uint8Array]>([
    ["add", concatBytes(Uint8Array.of(17), sshString("ssh-ed25519"), sshString(randomBytes(64)))],
    ["remove", concatBytes(Uint8Array.of(18), sshString("x"))],
    ["remove all", Uint8Array.of(19)],
    ["add a smart card", Uint8Array.of(20)],
    ["lock", concatBytes(Uint8Array.of(22), sshString("passphrase"))],
    ["unlock", concatBytes(Uint8Array.of(23), sshString("passphrase"))],
    ["add with constraints", Uint8Array.of(25)],
    ["protocol 1", Uint8Array.of(1)],
    ["an answer", Uint8Array.of(12)],
    ["a malformed signature request", Uint8Array.of(13, 0, 0)],
    ["an unknown key", signRequest(concatBytes(sshString("ssh-ed25519"), sshString(new Uint8Array(32))), data)],
    ["an RSA key", signRequest(rsa, data, 2)],
    ["an unknown extension", extension("lock@example.org")],
  ])("%s", async (_what, message) => {
    await using agent = await runAgent()
    using client = await RawClient.open(agent.socketPath)
    expect(await client.ask(message)).toEqual(FAILURE)
    expect(await client.list()).toEqual([])
  })

  test("RSA is refused by name, and unknown flags are not looked over", async () => {
    await using agent = await runAgent()
    agent.keys.add("web", "ed25519")
    using client = await RawClient.open(agent.socketPath)
    await client.ask(signRequest(rsa, data, 2))
    expect(agent.log.at(-1)).toContain("RSA")
    const blob = await client.blobOf("web")
    expect(await client.ask(signRequest(blob, data, 1))).toEqual(FAILURE)
    expect((await client.ask(signRequest(blob, data, 2)))?.[0]).toBe(14)
  })
})
