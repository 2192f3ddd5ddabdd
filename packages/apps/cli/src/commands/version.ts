import { VERSION } from "@keygrove/node/version"
import type { CommandOutcome } from "../command.ts"

/** `version`: what is running. */
export async function run(): Promise<CommandOutcome> {
  return { json: { keygrove: VERSION, node: process.versions.node }, text: `keygrove ${VERSION} (Node ${process.versions.node})` }
}
