import { createServer } from "node:http"
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
    const server = createServer((request, response) => {
      const asset = assets.get((request.url ?? "").slice("/console/".length) || "index.html")
      response
        .writeHead(asset === undefined ? 404 : 200, { ...SECURITY_HEADERS, "content-type": asset?.type ?? "text/plain" })
        .end(asset?.body)
    })
    const port = await freePort()
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    const { complaints, page } = await openPage(browser)
    await page.goto(`http://127.0.0.1:${port}/console`)
    await page.getByRole("heading", { name: "You are not logged in" }).waitFor()
    expect(complaints).toEqual([])
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})
