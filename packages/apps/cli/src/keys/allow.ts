import type { NamedKeyRules } from "keygrove/rpc"
import { commandError } from "../errors.ts"

type Allowed = NonNullable<NamedKeyRules["allow"]>[number]

const OPERATIONS: readonly string[] = ["sign", "verify", "agree", "encrypt", "decrypt", "mac", "derive", "operate"]
const CALLER = /^(?:\*|node|ssh-agent|uid:[0-9]{1,10}|rpc:[a-z0-9-]{1,32})$/

/**
 * Reads `--allow CALLER:OP,OP`, e.g. `uid:1000:sign,verify` or `*:verify`.
 * @throws CommandError `USAGE_INVALID`
 */
export function parseAllow(text: string): Allowed {
  const at = text.lastIndexOf(":")
  const [caller, operations] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1).split(",")]
  if (!CALLER.test(caller))
    throw commandError(
      "USAGE_INVALID",
      `--allow ${shown(text)}: the caller must be *, node, ssh-agent, uid:N or rpc:NAME, then :OPERATION,…`,
    )
  const unknown = operations.find((operation) => !OPERATIONS.includes(operation))
  if (unknown !== undefined)
    throw commandError("USAGE_INVALID", `--allow ${shown(text)}: operations are ${OPERATIONS.join(", ")}, not ${shown(unknown)}`)
  return { caller, operations }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
