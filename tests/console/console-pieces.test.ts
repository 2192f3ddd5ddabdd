import { execFile } from "node:child_process"
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { AnswerFields, callRpc } from "keygrove/rpc"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startGrove, type Grove } from "../../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove, runKeygrove } from "../../packages/apps/cli/src/grove/keygrove-process.ts"
import { entry } from "../e2e/bundle.ts"
import { freePort } from "../e2e/node/raw-rpc.ts"
import { chromiumPath, linkOf, openPage, startBrowser } from "./browser.ts"

const { signal } = new AbortController()
const example = fileURLToPath(new URL("../../examples/restart-by-peers.ts", import.meta.url))
/** Of what other processes do in their own time. */
const POLL = { timeout: 120_000 }

const state: { grove?: Grove } = {}

beforeAll(async () => {
  state.grove = await startGrove({ nodes: ["attic", "desk", "server"], readers: [], proxies: [], entry }, signal)
}, 120_000)

afterAll(async () => await state.grove?.[Symbol.asyncDispose](), 60_000)

function home(name: string): string {
  return state.grove?.member(name).home ?? ""
}

/** A node as the browser's helpers want it. */
function nodeOf(name: string): { call(method: string): Promise<unknown> } {
  const endpoint = { socketPath: join(home(name), "rpc.sock"), cookiePath: join(home(name), ".cookie") }
  return { call: async (method) => await callRpc(endpoint, method, {}, { signal }) }
}

test("the example has three nodes keep each other's pieces, and one that was locked unlocked by the others", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [example, home("attic"), home("desk"), home("server")], {
    timeout: 200_000,
  })
  expect(stdout).toMatch(/\/server is locked\n\/server is unlocked by its peers\n6 of 6 pieces are proved to be where the ledger says\n$/)
})

describe.skipIf(chromiumPath === undefined)("key pieces in the console", () => {
  test("owners and holders, proofs, and a node that waits on its own page until it is approved on another's", async () => {
    await using browser = await startBrowser()
    // Only the host of a grove has a port of its own.
    const config = join(home("server"), "config.json")
    const port = await freePort()
    writeFileSync(config, readFileSync(config, "utf8").replace(/"rpcPort": \d+/, `"rpcPort": ${port}`))
    await expectKeygrove(["pieces", "join", "--unlock", "approve"], { home: home("server"), signal, entry })

    const { complaints, page } = await openPage(browser)
    await page.goto(await linkOf(nodeOf("attic")))
    const pieces = page.getByRole("region", { name: "Key pieces" })
    await pieces.getByText("Every node can be unlocked now").waitFor()
    const table = pieces.getByRole("table", { name: "Who keeps pieces of whose storage key, by key generation" })
    expect(await table.getByText("keeps a piece and answers now").count()).toBe(6)
    await pieces.getByText("can be unlocked, when approved").waitFor()
    await pieces.getByRole("checkbox", { name: "desk" }).check()
    await pieces.getByText("Without /desk, only a passphrase or key file would open /attic and /server.").waitFor()
    await pieces.getByRole("button", { name: "Have every holder prove it" }).press("Enter")
    await pieces.getByText("6 of 6 pieces proved.").waitFor()

    const keyFile = join(state.grove?.directory ?? "", "server.key")
    renameSync(keyFile, `${keyFile}.away`)
    process.kill(Number(readFileSync(join(home("server"), "node.pid"), "utf8")), "SIGKILL")
    const started = await runKeygrove(["up", "--detach"], { home: home("server"), signal, entry })
    expect(started.exitStatus).toBe(3)
    const request = new AnswerFields("up", started.answer).object("unlocking").text("request")

    const locked = await openPage(browser)
    await locked.page.goto(await linkOf(nodeOf("server")))
    await locked.page.getByText("Unlocking", { exact: true }).waitFor()
    await locked.page.getByText(request, { exact: true }).waitFor()
    await locked.page.getByText("waits for an approval").first().waitFor()

    const card = page.getByRole("region", { name: "Waiting for your approval" })
    expect(await card.locator(".digits").innerText()).toBe(request)
    await card.getByRole("button", { name: "Approve /server …" }).press("Enter")
    await card.getByRole("heading", { name: "Does /server show these digits?" }).waitFor()
    await card.getByRole("button", { name: "They are the same: approve" }).press("Enter")
    await card.getByText(`approved, request ${request}`).waitFor()
    // The one that waited goes on by itself, on the page where it waited, too.
    await locked.page.getByText("Serving", { exact: true }).waitFor(POLL)
    await locked.page.getByRole("region", { name: "Key pieces" }).getByText("this node").waitFor(POLL)
    expect([...complaints, ...locked.complaints]).toEqual([])
  })
})
