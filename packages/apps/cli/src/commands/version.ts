import { readFileSync } from "node:fs"
import type { CommandOutcome } from "../command.ts"

/** `version`: what is running. */
export async function run(): Promise<CommandOutcome> {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  const keygrove = typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown"
  return { json: { keygrove, node: process.versions.node }, text: `keygrove ${keygrove} (Node ${process.versions.node})` }
}
