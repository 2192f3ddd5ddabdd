import { readFileSync } from "node:fs"
import { apiMethods, isMethodName } from "@keygrove/api"
import { expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess } from "../e2e/node/node-process.ts"
import { sendBytes } from "../e2e/node/raw-rpc.ts"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes, randomBytesOf } from "./mutate-bytes.ts"
import { mutateTree } from "./mutate-tree.ts"

/** Those that end or lock the node, or wait for proxies, are somebody else's test. */
const methods = Object.keys(apiMethods).filter((name) => isMethodName(name) && !/^(?:node\.(?:stop|lock)|policy|proxy|ssh)/.test(name))
/** What a node may hold more after some thousand broken connections than after some hundred. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024

/** A request as a client of ours would send it, with a body that is wrong somewhere. */
function requestOf(cookie: string, roll: Dice): Buffer {
  const call = { jsonrpc: "2.0", id: 1, method: pick(roll, methods), params: { id: "web/tls", message: "AA==", version: 1 } }
  const body = JSON.stringify(roll(3) === 0 ? call : mutateTree(roll(4) === 0 ? [call, call] : call, roll))
  const head = ["POST / HTTP/1.1", "host: localhost", `authorization: Basic ${cookie}`, `content-length: ${Buffer.byteLength(body)}`]
  return Buffer.from(`${head.join("\r\n")}\r\nconnection: close\r\n\r\n${body}`)
}

test("a node outlives any bytes on its socket", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  await using stage = await makeStage()
  const home = await makeHome(stage.directory, "laptop")
  await using node = await startNodeProcess(home)
  const place = { socketPath: home.file("rpc.sock") }
  const cookie = readFileSync(home.file(".cookie")).toString("base64")
  let settled = 0
  let sent = 0
  await fuzz({
    name: "connections",
    share: 10,
    cost: 40,
    once: async (roll) => {
      const honest = requestOf(cookie, roll)
      const bytes = roll(12) === 0 ? randomBytesOf(roll) : roll(2) === 0 ? honest : mutateBytes(honest, roll)
      await sendBytes(place, bytes, roll(4) === 0 ? "at once" : "when answered")
      if (++sent === 500) settled = residentBytes(node.pid)
    },
  })
  expect(await node.call("node.status")).toMatchObject({ ok: true, value: { state: "serving", pid: node.pid } })
  if (process.platform === "linux") expect(residentBytes(node.pid) - settled).toBeLessThan(MAX_GROWTH_BYTES)
})

/** Resident memory of a process now (Linux), else 0. */
function residentBytes(pid: number): number {
  if (process.platform !== "linux") return 0
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0)
}
