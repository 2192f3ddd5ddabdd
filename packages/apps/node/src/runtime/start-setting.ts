import { ok, refuse, type Result } from "@keygrove/base"
import { readConfig, type NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { writeConfig } from "./open-transport.ts"

/** Writes into `config.json` who unlocks the node when it starts; `undefined` for nobody but its passphrase or key file. */
export function setUnlock(home: Home, unlock: NodeConfig["unlock"]): Result<true> {
  const config = readConfig(home.config)
  if (!config.ok) return config
  if (config.value.unlock === unlock) return ok(true)
  const { unlock: _before, ...rest } = config.value
  try {
    writeConfig(home, unlock === undefined ? rest : { ...rest, unlock })
    return ok(true)
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return refuse("HOME_UNWRITABLE", `${home.config} cannot be written (${reason}); check the disk, and run the command again`)
  }
}

/** Ends one way in which others unlock the node, and leaves another that was chosen since as it is. */
export function unsetUnlock(home: Home, unlock: NonNullable<NodeConfig["unlock"]>, instead?: NodeConfig["unlock"]): Result<true> {
  const config = readConfig(home.config)
  if (!config.ok) return config
  return config.value.unlock === unlock ? setUnlock(home, instead) : ok(true)
}
