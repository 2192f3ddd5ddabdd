import { homedir } from "node:os"
import { join, resolve } from "node:path"

/** The home directory of a node and the files in it that the command line looks at (ARCHITECTURE.md, "Home directory"). */
export interface Home {
  readonly directory: string
  readonly config: string
  readonly socket: string
  readonly cookie: string
  readonly pid: string
  readonly log: string
}

/** `--home`, else `$KEYGROVE_HOME`, else `keygrove` in the XDG data home. */
export function resolveHome(option: string | undefined, environment: NodeJS.ProcessEnv): Home {
  const chosen = option ?? nonEmpty(environment["KEYGROVE_HOME"]) ?? join(nonEmpty(environment["XDG_DATA_HOME"]) ?? join(homedir(), ".local", "share"), "keygrove")
  const directory = resolve(chosen)
  return {
    directory,
    config: join(directory, "config.json"),
    socket: join(directory, "rpc.sock"),
    cookie: join(directory, ".cookie"),
    pid: join(directory, "node.pid"),
    log: join(directory, "node.log"),
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text
}
