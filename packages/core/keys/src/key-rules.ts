import { ok, refuse, type CborValue, type Result } from "@keygrove/base"
import * as v from "valibot"
import type { KeyId } from "./key-id.ts"
import { KEY_OPERATIONS, type KeyOperation } from "./key-type.ts"

/**
 * Who asks: a process of a user of this machine, as the kernel tells it on the Unix socket (`uid:1000`); a named user of the RPC interface
 * (`rpc:backup`); the agent for ssh (`ssh-agent`); or the node itself (`node`), which is also whoever shows its cookie over TCP.
 */
export type Caller = string

/** What a caller, or everyone (`*`), may do with a key. */
export interface KeyRule {
  readonly caller: Caller
  readonly operations: readonly KeyOperation[]
}

/** Rules of one key. Without `allow`, whoever may talk to the node may use it. */
export interface KeyRules {
  readonly allow?: readonly KeyRule[]
  /** Uses a minute, of all callers together. */
  readonly perMinute?: number
  /** Whether a person must confirm each use on the terminal of the agent. */
  readonly confirm?: boolean
}

/** Rules that allow everything. */
export const OPEN_RULES: KeyRules = {}

const MAX_RULES = 64
const caller = v.pipe(
  v.string(),
  v.regex(/^(?:\*|node|ssh-agent|uid:[0-9]{1,10}|rpc:[a-z0-9-]{1,32})$/, "must be *, node, ssh-agent, uid:N or rpc:NAME"),
)

/** Shape of {@link KeyRules} in records and messages. */
export const keyRulesShape: v.GenericSchema<unknown, KeyRules> = v.strictObject({
  allow: v.exactOptional(
    v.pipe(
      v.array(v.strictObject({ caller, operations: v.pipe(v.array(v.picklist(KEY_OPERATIONS)), v.maxLength(KEY_OPERATIONS.length)) })),
      v.maxLength(MAX_RULES),
    ),
  ),
  perMinute: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(1_000_000))),
  confirm: v.exactOptional(v.boolean()),
})

/** Rules as they are stored and sent. */
export function keyRulesValue({ allow, confirm, perMinute }: KeyRules): CborValue {
  return {
    ...(allow === undefined ? {} : { allow: allow.map(({ caller: who, operations }) => ({ caller: who, operations: [...operations] })) }),
    ...(perMinute === undefined ? {} : { perMinute }),
    ...(confirm === undefined ? {} : { confirm }),
  }
}

/** Whoever asks persons before it uses a key that wants that. */
const CONFIRMING_CALLER: Caller = "ssh-agent"

/** What somebody wants to do, and whether a person has agreed to it. */
export interface RuledUse {
  readonly caller: Caller
  readonly operation: KeyOperation
  readonly isConfirmed?: boolean
}

/** Whether a caller may do something with a key; its rate is counted elsewhere. */
export function mayUse(id: KeyId, rules: KeyRules, use: RuledUse): Result<true, "KEY_NOT_ALLOWED" | "KEY_NOT_CONFIRMED"> {
  const isAllowed = (rules.allow ?? [{ caller: "*", operations: KEY_OPERATIONS }]).some(
    (rule) => (rule.caller === "*" || rule.caller === use.caller) && rule.operations.includes(use.operation),
  )
  if (!isAllowed)
    return refuse("KEY_NOT_ALLOWED", `the rules of ${id} do not let ${use.caller} ${use.operation}; see \`keygrove key rules\``)
  if (rules.confirm === true && use.caller === CONFIRMING_CALLER && use.isConfirmed !== true)
    return refuse("KEY_NOT_CONFIRMED", `the rules of ${id} want a person to confirm each use through ${use.caller}`)
  return ok(true)
}
