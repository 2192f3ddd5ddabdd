import { spawnSync } from "node:child_process"
import { chmodSync } from "node:fs"

/** A user who is neither root nor whoever runs the tests. */
export const NOBODY = 65_534

/** Runs a command as {@link NOBODY}, which only root can. */
export const asNobody: readonly string[] = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"]

/** Whether this machine lets {@link asNobody} run Node: as root, and in a checkout that others may enter. */
export const canRunAsNobody: boolean = process.platform === "linux" && process.getuid?.() === 0 && runsNode()

function runsNode(): boolean {
  const [program = "", ...args] = asNobody
  return spawnSync(program, [...args, process.execPath, import.meta.filename, "--version"]).status === 0
}

/** Gives a directory and everything in it to {@link NOBODY}. */
export function giveToNobody(directory: string): void {
  spawnSync("chown", ["-R", `${NOBODY}:${NOBODY}`, directory])
  chmodSync(directory, 0o700)
}
