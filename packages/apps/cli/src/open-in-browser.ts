import { spawn } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { CommandContext } from "./command.ts"

/** What opens a file or an address in the person's browser. */
const OPENER: string = process.platform === "darwin" ? "open" : "xdg-open"
/** Longest wait for it: some openers stay as long as the browser does. */
const OPENER_TIMEOUT_MS = 5_000

/**
 * Opens an address that is secret. Other users of the machine see the arguments of every program, so the browser is given a file of mode 0600 that leads
 * to the address. It stays until the next one takes its place: browsers read it when they like, and the link in it soon works no more.
 *
 * @returns whether a browser seems to have been started
 */
export async function openInBrowser(address: string, { home, signal }: Pick<CommandContext, "home" | "signal">): Promise<boolean> {
  const file = join(home.directory, "console.html")
  rmSync(file, { force: true })
  writeFileSync(file, `<!doctype html><meta http-equiv="refresh" content="0; url=${address}"><title>Keygrove</title>\n`, {
    mode: 0o600,
    flag: "wx",
  })
  const opener = spawn(OPENER, [pathToFileURL(file).href], { stdio: "ignore", detached: true })
  return await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(true), OPENER_TIMEOUT_MS)
    const settle = (opened: boolean): void => {
      clearTimeout(timer)
      resolve(opened)
    }
    signal.addEventListener("abort", () => settle(false), { once: true })
    opener.once("error", () => settle(false)).once("exit", (status) => settle(status === 0))
    opener.unref()
  })
}
