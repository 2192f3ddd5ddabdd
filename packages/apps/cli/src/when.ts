import { commandError, CommandError } from "./errors.ts"

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
/** Furthest expiry accepted: ten years. */
const MAX_AHEAD_MS = 10 * 366 * 86_400_000
const ISO = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/

/**
 * Milliseconds since 1970 of `30d`, `12h`, `90m`, `2w` from now, or of an ISO date (its end of day in UTC) or instant.
 * @throws CommandError `USAGE_INVALID` for another form, `EXPIRY_IN_PAST` when it is not in the future.
 */
export function parseWhen(text: string, option: string, nowMs: number): number {
  const at = durationFrom(text, nowMs) ?? instant(text)
  if (at === undefined || !Number.isSafeInteger(at))
    throw commandError(
      "USAGE_INVALID",
      `${option} must be a duration such as 30d, 12h, 90m or 2w, or an ISO date with time zone, got "${text}"`,
    )
  if (at <= nowMs)
    throw new CommandError(
      "EXPIRY_IN_PAST",
      `${option} ${text} is ${new Date(at).toISOString()}, which is not in the future; give a later date or a duration such as 30d`,
      { class: "usage" },
    )
  if (at > nowMs + MAX_AHEAD_MS) throw commandError("USAGE_INVALID", `${option} ${text} is more than ten years ahead; choose a nearer date`)
  return at
}

function durationFrom(text: string, nowMs: number): number | undefined {
  const match = /^(\d{1,6})([mhdw])$/.exec(text)
  const unit = unitMs[match?.[2] ?? ""]
  return match === null || unit === undefined ? undefined : nowMs + Number(match[1]) * unit
}

function instant(text: string): number | undefined {
  if (!ISO.test(text)) return undefined
  const at = Date.parse(text.includes("T") ? text : `${text}T23:59:59.999Z`)
  return Number.isNaN(at) ? undefined : at
}
