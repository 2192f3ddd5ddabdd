import { resolve } from "node:path"
import { Secret } from "@keygrove/base"
import type { KeyOrder } from "keygrove/rpc"
import { commandError, CommandError } from "../errors.ts"

/** Where a new key comes from. Disposal wipes what was taken from the environment. */
export interface OwnedSource extends Disposable {
  readonly from: NonNullable<KeyOrder["from"]>
}

/**
 * Reads `--from`: `generate`, `derive`, `env:NAME` or `file:PATH`. A file is named to the keystore, which alone reads it; a variable is taken out of
 * the environment at once.
 * @throws CommandError `USAGE_INVALID`, `KEY_MATERIAL_UNREADABLE`
 */
export function openKeySource(text: string, environment: NodeJS.ProcessEnv): OwnedSource {
  const nothing = { [Symbol.dispose]: (): void => undefined }
  if (text === "generate" || text === "derive") return { from: text, ...nothing }
  const [, kind, name] = /^(env|file):(.+)$/s.exec(text) ?? []
  if (kind === "file" && name !== undefined) return { from: { file: resolve(name) }, ...nothing }
  // The text is not repeated: it may be a secret that someone tried to pass.
  if (kind !== "env" || name === undefined)
    throw commandError(
      "USAGE_INVALID",
      "--from must be generate, derive, env:NAME or file:PATH; a key itself never goes on the command line",
    )
  const secret = takeVariable(name, environment)
  return { from: { secret }, [Symbol.dispose]: () => secret[Symbol.dispose]() }
}

/** The runtime keeps the variable as text until it is collected; this process ends before anything else happens. */
function takeVariable(name: string, environment: NodeJS.ProcessEnv): Secret {
  const value = environment[name]
  delete environment[name]
  if (value === undefined || value === "")
    throw new CommandError(
      "KEY_MATERIAL_UNREADABLE",
      `there is no environment variable ${name}, or it is empty; set it to the key and export it`,
    )
  return Secret.take(Buffer.from(value, "utf8"))
}
