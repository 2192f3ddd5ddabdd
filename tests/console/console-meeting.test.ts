import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { makeHome, makeStage, startNodeProcess, type NodeProcess } from "../e2e/node/node-process.ts"
import { freePort } from "../e2e/node/raw-rpc.ts"
import { chromiumPath, linkOf, openPage, startBrowser, type WatchedPage } from "./browser.ts"
import { cameraArguments, film } from "./fake-camera.ts"

describe.skipIf(chromiumPath === undefined)("a meeting in two consoles", () => {
  const stack = new AsyncDisposableStack()
  let alice: NodeProcess
  let bob: NodeProcess
  let directory = ""

  beforeAll(async () => {
    const stage = stack.use(await makeStage())
    directory = stage.directory
    const start = async (name: string): Promise<NodeProcess> =>
      stack.use(await startNodeProcess(await makeHome(directory, name, { rpcPort: await freePort() })))
    alice = await start("alice")
    bob = await start("bob")
  })

  afterAll(async () => await stack.disposeAsync())

  async function browse(args: readonly string[] = []): Promise<Browser> {
    return stack.adopt(await startBrowser(args), async (each) => await each.close())
  }

  async function logIn(browser: Browser, node: NodeProcess): Promise<WatchedPage> {
    const watched = await openPage(browser)
    await watched.page.goto(await linkOf(node))
    await watched.page.getByText("Serving", { exact: true }).waitFor()
    return watched
  }

  async function words(page: Page): Promise<readonly string[]> {
    await page.getByRole("heading", { name: "Read the four words to each other" }).waitFor()
    return await page.locator(".words li").allInnerTexts()
  }

  test("without a camera the code is pasted; who sees other words ends it, and nobody is trusted", async () => {
    const browser = await browse()
    const [shows, scans] = [await logIn(browser, alice), await logIn(browser, bob)]
    await shows.page.getByRole("button", { name: "Show my code" }).click()
    const code = (await shows.page.locator("#meeting-code").textContent()) ?? ""
    await scans.page.getByRole("button", { name: "Scan their code" }).click()
    await scans.page.getByText(/paste the code below|Paste the code below/).waitFor()
    const paste = async (text: string): Promise<void> => {
      await scans.page.getByLabel("Or type or paste it").fill(text)
      await scans.page.getByRole("button", { name: "Use this code" }).click()
    }
    await paste("https://attacker.example")
    await scans.page.getByText("This is not the code of a meeting").waitFor()
    await paste(code.slice(0, -1))
    await scans.page.getByText("MEETING_CODE_INVALID").waitFor()
    await paste(` ${code.slice(0, 40)}\n${code.slice(40)} `)
    await words(scans.page)
    // A reload of the page does not end it.
    await scans.page.reload()
    await words(scans.page)
    await scans.page.getByRole("button", { name: "They differ" }).click()
    await scans.page.getByRole("heading", { name: "You stopped the meeting, and nothing was changed" }).waitFor()
    await shows.page.getByRole("heading", { name: "The meeting ended, and nothing was changed" }).waitFor()
    for (const node of [alice, bob]) expect(await node.call("trust.list")).toMatchObject({ value: { clusters: [] } })
  })

  test("one shows a code, the other's camera sees it; both compare and confirm, and both nodes trust the other cluster", async () => {
    const browser = await browse()
    const shows = await logIn(browser, alice)
    // By the keyboard alone, which then is at the new heading.
    await shows.page.getByRole("button", { name: "Show my code" }).press("Enter")
    await expect
      .poll(async () => await shows.page.locator(":focus").textContent(), { timeout: 60_000 })
      .toBe("Let the other person scan this")
    const code = shows.page.getByRole("img", { name: /^QR code of this meeting/ })
    const seen = join(directory, "seen.y4m")
    await film(browser, await code.screenshot(), seen)

    const scans = await logIn(await browse(cameraArguments(seen)), bob)
    await scans.page.getByRole("button", { name: "Scan their code" }).click()
    const [mine, theirs] = [await words(shows.page), await words(scans.page)]
    expect(mine).toHaveLength(4)
    expect(theirs).toEqual(mine)

    await shows.page.getByLabel("What you call them").fill("Bob")
    await shows.page.getByRole("button", { name: "They are the same" }).click()
    await shows.page.getByRole("heading", { name: "You confirmed" }).waitFor()
    await scans.page.getByRole("button", { name: "They are the same" }).click()
    for (const { page } of [shows, scans]) await page.getByRole("heading", { name: /^You and .+ trust each other now$/ }).waitFor()
    const trusted = shows.page.getByRole("region", { name: "Clusters I trust" }).getByRole("listitem")
    await expect.poll(async () => await trusted.allInnerTexts(), { timeout: 60_000 }).toEqual([expect.stringContaining("Bob")])
    const clusters = await Promise.all(
      [alice, bob].map(async (node) => JSON.stringify(await node.call("node.status")).match(/"cluster":"([0-9a-f]{64})"/)?.[1]),
    )
    expect(await alice.call("trust.list")).toMatchObject({ value: { clusters: [{ cluster: clusters[1], nickname: "Bob" }] } })
    expect(await bob.call("trust.list")).toMatchObject({ value: { clusters: [{ cluster: clusters[0] }] } })
    expect([...shows.complaints, ...scans.complaints]).toEqual([])
  })
})
