import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core"
import { expect } from "vitest"

/** The system's Chromium; `undefined` where there is none. */
export const chromiumPath: string | undefined = ["chromium", "chromium-browser", "google-chrome"]
  .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)))
  .find(isExecutable)

/** Starts Chromium without its sandbox, which does not work as root; `args` besides. */
export async function startBrowser(args: readonly string[] = []): Promise<Browser> {
  return await chromium.launch({ executablePath: chromiumPath ?? "", args: ["--no-sandbox", ...args], timeout: 90_000 })
}

/** A page of its own, and what went wrong in it. */
export interface WatchedPage {
  readonly page: Page
  /** Errors of scripts, and whatever the browser's console was told: violations of the CSP, and answers that refuse. */
  readonly complaints: string[]
}

/** A tab of a browser, with storage of its own where a context is not given. */
export async function openPage(where: Browser | BrowserContext): Promise<WatchedPage> {
  const context = "newContext" in where ? await where.newContext() : where
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  page.on("pageerror", (error) => complaints.push(error.message))
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`))
  return { page, complaints }
}

/** A node as the tests of the console need it. */
interface LinkedNode {
  call(method: string): Promise<unknown>
}

/** The link that `keygrove console` prints. */
export async function linkOf(node: LinkedNode): Promise<string> {
  const answer = await node.call("console.link")
  expect(answer).toMatchObject({ ok: true, value: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/console#[\w-]{43}$/) } })
  return JSON.stringify(answer).match(/http[^"]+/)?.[0] ?? ""
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
