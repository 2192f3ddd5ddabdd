import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { isMethodName, type MethodName } from "@keygrove/api"
import { makeRpcUser } from "@keygrove/node/rpc-user"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { optional, required } from "../options.ts"
import { errnoOf } from "../passphrase-source.ts"

/** `rpc-user NAME`: an entry of `config.json` and its password, which is told once and kept nowhere. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const name = required(input.operands[0], "NAME")
  if (!/^[a-z0-9-]{1,32}$/.test(name)) throw commandError("USAGE_INVALID", "NAME has 1 to 32 of a-z, 0-9 and -")
  const methods = methodsOf(optional(input, "methods"))
  const { password, user } = makeRpcUser({ name, ...(methods === undefined ? {} : { methods }) }, randomBytes)
  const file = optional(input, "passwordOut")
  if (file !== undefined) writePassword(file, password)
  const place = `add this to the list "rpcUsers" of ${context.home.config}, then restart the node with \`keygrove down\` and \`keygrove up\`:`
  const secret = file === undefined ? `password, shown once: ${password}` : `the password is in ${file}`
  const json = { user, ...(file === undefined ? { password } : { passwordFile: file }) }
  return { json, text: [place, JSON.stringify(user), secret].join("\n") }
}

function methodsOf(list: string | undefined): readonly MethodName[] | undefined {
  if (list === undefined) return undefined
  const names = [...new Set(list.split(",").map((name) => name.trim()))]
  const unknown = names.find((name) => !isMethodName(name))
  if (unknown !== undefined)
    throw commandError("USAGE_INVALID", `--methods: there is no method ${JSON.stringify(unknown)}; \`rpc.discover\` lists those that exist`)
  return names.filter(isMethodName)
}

function writePassword(file: string, password: string): void {
  try {
    writeFileSync(file, `${password}\n`, { mode: 0o600, flag: "wx", flush: true })
  } catch (cause) {
    const reason = errnoOf(cause)
    throw reason === "EEXIST"
      ? new CommandError("OUTPUT_EXISTS", `${file} exists already; choose another name, or remove it first`, { cause })
      : new CommandError("OUTPUT_UNWRITABLE", `${file} cannot be written (${reason}); check its directory and permissions`, { cause })
  }
}
