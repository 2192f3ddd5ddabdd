import { homedir } from "node:os"
import { join, resolve } from "node:path"

/** The home directory of a node: `option`, else `$KEYGROVE_HOME`, else `keygrove` in the XDG data home. An absolute path. */
export function resolveHome(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  return resolve(
    option ??
      nonEmpty(environment["KEYGROVE_HOME"]) ??
      join(nonEmpty(environment["XDG_DATA_HOME"]) ?? join(homedir(), ".local", "share"), "keygrove"),
  )
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text
}
