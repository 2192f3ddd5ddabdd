import type { NamedKeyRules } from "keygrove/rpc"
import type { CommandInput } from "../command.ts"
import { optional, repeated, wholeNumber } from "../options.ts"
import { fields } from "../text.ts"
import { parseAllow } from "./allow.ts"

/**
 * `--allow CALLER:OPERATIONS …`, `--per-minute N` and `--confirm`: the rules that they make together.
 * @throws CommandError `USAGE_INVALID`
 */
export function ruleOptions(input: CommandInput): NamedKeyRules {
  const allow = repeated(input, "allow").map(parseAllow)
  const perMinute = optional(input, "perMinute")
  return {
    ...(allow.length === 0 ? {} : { allow }),
    ...(perMinute === undefined ? {} : { perMinute: wholeNumber(perMinute, "--per-minute", { least: 1, most: 1_000_000 }) }),
    ...(input.options["confirm"] === true ? { confirm: true } : {}),
  }
}

/** Rules for people. */
export function ruleLines({ allow, confirm = false, perMinute }: NamedKeyRules): string {
  const allowed = allow ?? [{ caller: "*", operations: ["everything"] }]
  return fields([
    ...allowed.map(({ caller, operations }, index) => [index === 0 ? "allow" : "", `${caller}: ${operations.join(", ")}`] as const),
    ...(allowed.length === 0 ? [["allow", "nobody"] as const] : []),
    ["per minute", perMinute === undefined ? "any number of uses" : `${perMinute} uses`],
    ["confirm", confirm ? "each use through ssh" : "nothing"],
  ])
}
