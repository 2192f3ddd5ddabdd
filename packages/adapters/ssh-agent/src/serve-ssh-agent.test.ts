import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toHex, unwrap } from "@keygrove/base"
import { afterEach, describe, expect, test } from "vitest"
import { MemoryKeys } from "./memory-keys.fixture.ts"
import { framed, RawClient, signRequest } from "./raw-client.fixture.ts"
import { runAgent } from "./running-agent.fixture.ts"
import { MAX_AGENT_CONNECTIONS, serveSshAgent } from "./serve-ssh-agent.ts"

const data = Buffer.from("what is signed")

describe("the socket", () => {
  const folders: string[] = []
  afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })))
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "keygrove-agent-socket-"))
    folders.push(made)
    return made
  }
  const serve = async (socketPath: string, signal = new AbortController().signal): ReturnType<typeof serveSshAgent> =>
    await serveSshAgent({ keys: new MemoryKeys(), socketPath, signal })

  test("is this user's alone, in a directory made for it, and gone afterwards", async () => {
    const path = join(folder(), "deep", "er", "agent.sock")
    {
      await using agent = unwrap(await serve(path))
      expect(statSync(agent.socketPath).mode & 0o777).toBe(0o600)
      expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700)
    }
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })

  test("of a dead agent is taken over, of a living one is not", async () => {
    const path = join(folder(), "agent.sock")
    const dead = createServer().listen(path)
    await new Promise((resolve) => dead.once("listening", resolve))
    expect(await serve(path)).toMatchObject({ code: "SSH_AGENT_SOCKET_IN_USE" })
    // What a crash leaves: a socket without a listener.
    const left = join(folder(), "agent.sock")
    const script = "const s = require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
    expect(() => execFileSync(process.execPath, ["-e", script, left])).toThrow()
    expect(statSync(left).isSocket()).toBe(true)
    await using agent = unwrap(await serve(left))
    using client = await RawClient.open(agent.socketPath)
    expect(await client.list()).toEqual([])
    await new Promise((resolve) => dead.close(resolve))
  })

  test("is refused where it would not be safe, or cannot be", async () => {
    const open = folder()
    chmodSync(open, 0o755)
    expect(await serve(join(open, "a"))).toMatchObject({ code: "SSH_AGENT_SOCKET_UNUSABLE", message: expect.stringContaining("mode 755") })
    const file = join(folder(), "file")
    writeFileSync(file, "kept")
    expect(await serve(file)).toMatchObject({ message: expect.stringContaining("is no socket") })
    expect(await serve(join(file, "below"))).toMatchObject({ code: "SSH_AGENT_SOCKET_UNUSABLE" })
    expect(await serve(join(folder(), "x".repeat(100)))).toMatchObject({ message: expect.stringContaining("sockets have paths of") })
    expect(await serve("")).toMatchObject({ code: "SSH_AGENT_SOCKET_UNUSABLE" })
    expect(await serve("a\0b")).toMatchObject({ code: "SSH_AGENT_SOCKET_UNUSABLE" })
  })

  test("closes with its signal, with whatever is under way", async () => {
    await using agent = await runAgent()
    agent.keys.add("web", "ed25519")
    using client = await RawClient.open(agent.socketPath)
    const blob = await client.blobOf("web")
    const [begun, aborted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    agent.keys.beforeSigning = async (signal) => {
      signal.addEventListener("abort", () => aborted.resolve())
      begun.resolve()
      await aborted.promise
    }
    client.socket.write(framed(signRequest(blob, data)))
    await begun.promise
    agent.stop.abort()
    await Promise.all([aborted.promise, agent.closed, client.closed])
    await expect(RawClient.open(agent.socketPath)).rejects.toThrow()
  })

  test("does not open under a signal that has fired", async () => {
    const path = join(folder(), "agent.sock")
    await expect(serve(path, AbortSignal.abort())).rejects.toThrow()
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  })

  test(`takes ${MAX_AGENT_CONNECTIONS} clients, and one more for the one that was silent longest`, async () => {
    await using agent = await runAgent()
    using clients = new DisposableStack()
    const taken: RawClient[] = []
    for (let index = 0; index < MAX_AGENT_CONNECTIONS; index++) {
      const client = clients.use(await RawClient.open(agent.socketPath))
      expect(await client.list()).toEqual([])
      taken.push(client)
    }
    expect(await taken[0]?.list()).toEqual([])
    using next = await RawClient.open(agent.socketPath)
    expect(await next.list()).toEqual([])
    await taken[1]?.closed
    expect(await taken[0]?.list()).toEqual([])
    expect(taken.filter(({ socket }) => socket.destroyed)).toHaveLength(1)
  })

  test(`hangs up on one more while ${MAX_AGENT_CONNECTIONS} wait for their answers`, async () => {
    const everybody = Promise.withResolvers<void>()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    let waiting = 0
    const confirm = async (): Promise<boolean> => {
      if (++waiting === MAX_AGENT_CONNECTIONS) everybody.resolve()
      return await promise
    }
    await using agent = await runAgent({ confirm })
    agent.keys.add("web", "ed25519", { confirm: true })
    using clients = new DisposableStack()
    const answers: Promise<Uint8Array | undefined>[] = []
    for (let index = 0; index < MAX_AGENT_CONNECTIONS; index++) {
      const client = clients.use(await RawClient.open(agent.socketPath))
      answers.push(client.ask(signRequest(await client.blobOf("web"), data)))
    }
    await everybody.promise
    using refused = await RawClient.open(agent.socketPath)
    await refused.closed
    resolve(true)
    for (const answer of await Promise.all(answers)) expect(answer?.[0]).toBe(14)
  })

  test("a message that does not end, and silence, are cut off", async () => {
    await using agent = await runAgent({ times: { messageMs: 30 } })
    using slow = await RawClient.open(agent.socketPath)
    slow.socket.write(Uint8Array.of(0, 0))
    await slow.closed
    await using quiet = await runAgent({ times: { idleMs: 30 } })
    using silent = await RawClient.open(quiet.socketPath)
    await silent.closed
  })

  test("an answer that takes too long ends its connection, not the agent", async () => {
    await using agent = await runAgent({ times: { answerMs: 30 }, confirm: async () => await new Promise<boolean>(() => undefined) })
    agent.keys.add("web", "ed25519", { confirm: true })
    using client = await RawClient.open(agent.socketPath)
    client.socket.write(framed(signRequest(await client.blobOf("web"), data)))
    await client.closed
    using next = await RawClient.open(agent.socketPath)
    expect(toHex(await next.blobOf("web"))).toHaveLength(102)
  })
})

describe("a client that may not be served", () => {
  test("is hung up on before anything of it is read, and the others are served", async () => {
    const reasons = ["a client of user 1001"]
    await using agent = await runAgent({ refusePeer: () => reasons.pop() })
    const refused = connect({ path: agent.socketPath })
    const heard: Buffer[] = []
    refused.on("data", (chunk) => heard.push(chunk)).on("error", () => undefined)
    refused.write(framed(Buffer.from([11])))
    await new Promise((resolve) => refused.once("close", resolve))
    expect(heard).toEqual([])
    expect(agent.log).toEqual(["ssh-agent: refused: a client of user 1001"])
    using client = await RawClient.open(agent.socketPath)
    expect(await client.list()).toEqual([])
  })
})
