import { join } from "node:path"
import { resolveHome } from "keygrove/rpc"

/** The home directory of a node and the files in it that the command line looks at (ARCHITECTURE.md, "Home directory"). */
export interface Home {
  readonly directory: string
  readonly config: string
  readonly socket: string
  readonly cookie: string
  readonly log: string
}

/** Names of the files in the directory of `--home`, else `$KEYGROVE_HOME`, else the XDG data home. */
export function homeFiles(option: string | undefined, environment: NodeJS.ProcessEnv): Home {
  const directory = resolveHome(option, environment)
  return {
    directory,
    config: join(directory, "config.json"),
    socket: join(directory, "rpc.sock"),
    cookie: join(directory, ".cookie"),
    log: join(directory, "node.log"),
  }
}
