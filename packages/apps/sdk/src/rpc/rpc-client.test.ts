import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type Server, type ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { callRpc, type RpcEndpoint } from "./rpc-client.ts"

const state: { directory: string; server: Server | undefined } = { directory: "", server: undefined }

beforeEach(async () => {
  state.directory = await mkdtemp(join(tmpdir(), "keygrove-rpc-"))
})

afterEach(async () => {
  state.server?.closeAllConnections()
  await new Promise((resolve) => (state.server === undefined ? resolve(undefined) : state.server.close(resolve)))
  state.server = undefined
  await rm(state.directory, { recursive: true })
})

function endpoint(): RpcEndpoint {
  return { socketPath: join(state.directory, "rpc.sock"), cookiePath: join(state.directory, ".cookie") }
}

async function serve(answer: (response: ServerResponse, body: string, authorization: string | undefined) => void): Promise<RpcEndpoint> {
  await writeFile(endpoint().cookiePath, "__cookie__:0011\n")
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => answer(response, Buffer.concat(chunks).toString("utf8"), request.headers.authorization))
  })
  state.server = server
  await new Promise<void>((resolve) => server.listen(endpoint().socketPath, resolve))
  return endpoint()
}

describe("callRpc", () => {
  test("sends the method, the parameters and the cookie and returns the result", async () => {
    const seen: { body?: unknown; authorization?: string | undefined } = {}
    const at = await serve((response, body, authorization) => {
      seen.body = JSON.parse(body)
      seen.authorization = authorization
      response.end('{"jsonrpc":"2.0","id":1,"result":{"state":"serving"}}')
    })
    expect(await callRpc(at, "node.status", { a: 1 })).toEqual({ ok: true, value: { state: "serving" } })
    expect(seen.body).toEqual({ jsonrpc: "2.0", id: 1, method: "node.status", params: { a: 1 } })
    expect(seen.authorization).toBe(`Basic ${Buffer.from("__cookie__:0011").toString("base64")}`)
  })

  test("passes on the node's code and its public data, nothing nested", async () => {
    const at = await serve((response) => {
      response.end(
        '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"it is revoked","data":{"code":"POLICY_REVOKED","index":3,"deep":{"x":1}}}}',
      )
    })
    expect(await callRpc(at, "data.decryptKey", {})).toEqual({
      ok: false,
      code: "POLICY_REVOKED",
      message: "it is revoked",
      data: { index: 3 },
    })
  })

  test.each([
    ["no JSON", "<html>"],
    ["neither result nor error", '{"jsonrpc":"2.0","id":1}'],
    ["an array", "[]"],
    ["an error without a message", '{"error":{"code":1}}'],
    ["nothing", ""],
  ])("refuses %s", async (_name, text) => {
    const at = await serve((response) => response.end(text))
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: false, code: "RPC_ANSWER_INVALID" })
  })

  test("stops reading an endless answer", async () => {
    const at = await serve((response) => {
      const block = Buffer.alloc(1024 * 1024, "a")
      const more = (): void => {
        while (response.write(block)) if (response.destroyed) return
      }
      response.on("drain", more)
      more()
    })
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: false, code: "RPC_ANSWER_INVALID" })
  })

  test("says that a stale cookie is stale", async () => {
    const at = await serve((response) => response.writeHead(401).end())
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: false, code: "NODE_UNREACHABLE" })
  })

  test("says that the node broke the connection", async () => {
    const at = await serve((response) => response.destroy())
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: false, code: "NODE_UNREACHABLE" })
  })

  test("does not say that no node runs when one ended over what it was asked on a connection that is used again", async () => {
    const asked: string[] = []
    const at = await serve((response, body) => {
      asked.push(body)
      if (asked.length === 1) return response.end('{"jsonrpc":"2.0","id":1,"result":true}')
      state.server?.close()
      return response.destroy()
    })
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: true })
    expect(await callRpc(at, "x", {})).toMatchObject({ ok: false, code: "NODE_UNREACHABLE" })
    expect(asked).toHaveLength(2)
  })

  test("says that no node runs: no cookie, no socket, no directory", async () => {
    expect(await callRpc(endpoint(), "x", {})).toMatchObject({ ok: false, code: "NODE_NOT_RUNNING" })
    await writeFile(endpoint().cookiePath, "__cookie__:0011")
    expect(await callRpc(endpoint(), "x", {})).toMatchObject({ ok: false, code: "NODE_NOT_RUNNING" })
    expect(await callRpc({ socketPath: "/nowhere/rpc.sock", cookiePath: "/nowhere/.cookie" }, "x", {})).toMatchObject({
      ok: false,
      code: "NODE_NOT_RUNNING",
    })
  })

  test("ends with the signal's reason, before and during the call", async () => {
    const reason = new Error("enough")
    await expect(callRpc(endpoint(), "x", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const interruption = new AbortController()
    const at = await serve(() => interruption.abort(reason))
    await expect(callRpc(at, "x", {}, { signal: interruption.signal })).rejects.toBe(reason)
  })
})
