import { createServer, type RequestListener } from "node:http"
import { openConsoleAssets } from "@keygrove/console"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { SECURITY_HEADERS } from "../../packages/apps/node/src/console/security-headers.ts"
import { makeHome, makeStage, startNodeProcess, type NodeProcess } from "../e2e/node/node-process.ts"
import { freePort } from "../e2e/node/raw-rpc.ts"
import { chromiumPath, linkOf, openPage, startBrowser } from "./browser.ts"

// Without Chromium nothing can be said of what a browser does; `npm run verify` installs it on Debian.
describe.skipIf(chromiumPath === undefined)("the console in Chromium", () => {
  const stack = new AsyncDisposableStack()
  let node: NodeProcess
  let browser: Browser

  beforeAll(async () => {
    const stage = stack.use(await makeStage())
    node = stack.use(await startNodeProcess(await makeHome(stage.directory, "laptop", { rpcPort: await freePort() })))
    browser = stack.adopt(await startBrowser(), async (each) => await each.close())
  })

  afterAll(async () => await stack.disposeAsync())

  test("a link logs in and leaves the address bar; status and tree are those of the node; nothing breaks a rule of the page", async () => {
    const { complaints, page } = await openPage(browser)
    await page.goto(await linkOf(node))
    await page.getByText("Serving", { exact: true }).waitFor()
    expect(page.url()).toMatch(/\/console$/)
    expect(await page.locator("#status").innerText()).toMatch(/\/laptop\n/)
    expect(await page.getByText("this node hosts it").count()).toBe(1)
    const tree = page.getByRole("region", { name: "My nodes" }).getByRole("listitem")
    await expect
      .poll(async () => await tree.allInnerTexts(), { timeout: 60_000 })
      .toEqual([expect.stringMatching(/^Root key/), expect.stringMatching(/^laptop\s+this node\s+active/)])
    // It goes on after a reload, in this tab alone.
    await page.reload()
    await page.getByText("Serving", { exact: true }).waitFor()
    const other = await openPage(page.context())
    await other.page.goto(page.url())
    await other.page.getByText("You are not logged in").waitFor()
    expect([...complaints, ...other.complaints]).toEqual([])
  })

  test("a link works once, and whoever comes second is told", async () => {
    const link = await linkOf(node)
    const first = await openPage(browser)
    await first.page.goto(link)
    await first.page.getByText("Serving", { exact: true }).waitFor()
    const second = await openPage(browser)
    await second.page.goto(link)
    await second.page.getByText("This link does not work").waitFor()
    expect(await second.page.getByText("was used before").count()).toBe(1)
    await first.page.getByRole("button", { name: "Log out" }).click()
    await first.page.getByText("You are not logged in").waitFor()
    await first.page.reload()
    await first.page.getByText("You are not logged in").waitFor()
  })

  test("a page of another port of this machine is sent the cookie, and can neither call nor show anything with it", async () => {
    const { page } = await openPage(browser)
    await page.goto(await linkOf(node))
    await page.getByText("Serving", { exact: true }).waitFor()
    const cookies: (string | undefined)[] = []
    await using other = await serve((request, response) => {
      cookies.push(request.headers.cookie)
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>other</title>")
    })
    const foreign = await openPage(page.context())
    await foreign.page.goto(`http://127.0.0.1:${other.port}/console`)
    expect(cookies[0]).toMatch(/^keygrove-console-\d+-[0-9a-f]{8}=[0-9a-f]{64}$/)
    const address = page.url()
    const outcomes = await foreign.page.evaluate(async (url) => {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "node.status" })
      // Of a request that needs no leave of the other side, a page may know at least that it was answered; not of this one.
      const call = async (mode: RequestMode): Promise<string> => {
        const request = fetch(`${url}/rpc`, { method: "POST", mode, credentials: "include", body })
        return await request.then(
          () => "answered",
          () => "refused",
        )
      }
      return [await call("cors"), await call("no-cors")]
    }, address)
    expect(outcomes).toEqual(["refused", "refused"])
    const framed = foreign.page.waitForEvent("requestfailed", (request) => request.url() === address)
    await foreign.page.evaluate((url) => document.body.append(Object.assign(document.createElement("iframe"), { src: url })), address)
    expect((await framed).failure()?.errorText).toBe("net::ERR_BLOCKED_BY_RESPONSE")
  })

  test("a lock ends the session and the page says so; a locked node shows so, and meets nobody", async () => {
    const { page } = await openPage(browser)
    await page.goto(await linkOf(node))
    await page.getByText("Serving", { exact: true }).waitFor()
    expect(await node.call("node.lock")).toMatchObject({ ok: true })
    await page.getByRole("heading", { name: "You are logged out" }).waitFor()
    expect(await page.getByText("The node is locked").count()).toBe(1)
    // A new link in the same tab changes the fragment only.
    await page.goto(await linkOf(node))
    await page.getByText("Locked", { exact: true }).waitFor()
    for (const name of ["Show my code", "Scan their code"]) expect(await page.getByRole("button", { name }).isDisabled()).toBe(true)
  })

  test("the sources, of which only the types are taken off, load under the same rules as the bundle", async () => {
    const assets = await openConsoleAssets()
    await using own = await serve((request, response) => {
      const asset = assets.get((request.url ?? "").slice("/console/".length) || "index.html")
      response
        .writeHead(asset === undefined ? 404 : 200, { ...SECURITY_HEADERS, "content-type": asset?.type ?? "text/plain" })
        .end(asset?.body)
    })
    const { complaints, page } = await openPage(browser)
    await page.goto(`http://127.0.0.1:${own.port}/console`)
    await page.getByRole("heading", { name: "You are not logged in" }).waitFor()
    expect(complaints).toEqual([])
  })
})

/** A web server of somebody else on this machine, until disposal. */
async function serve(answer: RequestListener): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(answer)
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port, [Symbol.asyncDispose]: close }
}
