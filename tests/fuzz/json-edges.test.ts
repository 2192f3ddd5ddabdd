import { apiMethods, decodeCall, decodeMethodParams, isMethodName, type MethodName, type ParamSpec } from "@keygrove/api"
import { decodeConfig, encodeConfig } from "@keygrove/node/config"
import { expect, test } from "vitest"
import { pick, type Dice } from "./dice.ts"
import { fuzz, FUZZ_TIMEOUT_MS } from "./fuzz.ts"
import { mutateBytes } from "./mutate-bytes.ts"
import { mutateTree, type Tree } from "./mutate-tree.ts"

const methods = Object.keys(apiMethods).filter(isMethodName)

/** What a specification accepts. */
function valueFor(spec: ParamSpec): Tree {
  switch (spec.type) {
    case "text":
      return "web/tls"
    case "hex":
      return "07".repeat(Math.max(1, spec.minBytes))
    case "base64":
      return Buffer.alloc(Math.max(1, spec.minBytes), 7).toString("base64")
    case "integer":
      return spec.min
    case "boolean":
      return true
    case "choice":
      return spec.values[0] ?? ""
    default:
      return { allow: [{ caller: "*", operations: ["sign"] }], perMinute: 3 }
  }
}

const paramsOf = (method: MethodName): Tree =>
  Object.fromEntries(Object.entries(apiMethods[method].params).map(([name, spec]) => [name, valueFor(spec)]))
const callOf = (method: MethodName): Tree => ({ jsonrpc: "2.0", id: 1, method, params: paramsOf(method) })

/** A value as text of JSON, which a changed byte may spoil. */
function written(tree: Tree, roll: Dice): string {
  const text = JSON.stringify(tree)
  return roll(3) === 0 ? Buffer.from(mutateBytes(Buffer.from(text), roll)).toString("utf8") : text
}

function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError)
    return undefined
  }
}

test("the parameters that each method describes are accepted, so that what is tried is nearly right", () => {
  for (const method of methods) expect(decodeMethodParams(method, paramsOf(method)), method).toMatchObject({ ok: true })
})

test("calls of JSON-RPC are decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const accepted = { calls: 0, params: 0 }
  await fuzz({
    name: "JSON-RPC calls",
    share: 22,
    once: (roll) => {
      const method = pick(roll, methods)
      const whole = callOf(method)
      const tree = roll(3) === 0 ? whole : mutateTree(whole, roll)
      // Also values that JSON cannot say, as a caller within the process could give.
      const call = decodeCall(roll(8) === 0 ? tree : read(written(tree, roll)))
      if (!call.ok) return
      accepted.calls++
      const named = isMethodName(call.value.method) ? call.value.method : method
      if (decodeMethodParams(named, call.value.params).ok) accepted.params++
    },
  })
  expect(accepted.params).toBeGreaterThan(0)
  expect(accepted.calls).toBeGreaterThan(accepted.params)
  expect(Object.keys({})).toEqual([])
})

const config: Tree = {
  version: 1,
  ledger: "embedded",
  listen: "/ip4/127.0.0.1/tcp/4000",
  rpcPort: 4001,
  keyFile: "/etc/keygrove/key",
  keys: [
    { id: "web/tls", type: "p256", from: "env:WEB_KEY", rules: { allow: [{ caller: "uid:1000", operations: ["sign"] }], perMinute: 60 } },
    { id: "backup", type: "aes256", from: "file:backup.key" },
    { id: "agent", type: "ed25519" },
  ],
}

test("config.json is decoded or refused", { timeout: FUZZ_TIMEOUT_MS }, async () => {
  expect(decodeConfig("config.json", JSON.stringify(config))).toMatchObject({ ok: true })
  let accepted = 0
  await fuzz({
    name: "config.json",
    share: 10,
    once: (roll) => {
      const decoded = decodeConfig("config.json", written(roll(4) === 0 ? config : mutateTree(config, roll), roll))
      if (!decoded.ok) return expect(decoded.message.length).toBeLessThan(400)
      accepted++
      // What is accepted is written so that it is accepted again, as the same.
      expect(decodeConfig("config.json", encodeConfig(decoded.value))).toEqual(decoded)
    },
  })
  expect(accepted).toBeGreaterThan(0)
})
