const SECOND_MS = 1000
const steps = [
  { unit: "day", ms: 86_400 * SECOND_MS },
  { unit: "hour", ms: 3_600 * SECOND_MS },
  { unit: "minute", ms: 60 * SECOND_MS },
  { unit: "second", ms: SECOND_MS },
] as const

/** `in 30 days`, `2 hours ago`, `now`: the biggest unit of which there are two, else the next. */
export function relativeTime(atMs: number, nowMs: number): string {
  const distance = Math.abs(atMs - nowMs)
  if (distance < SECOND_MS) return "now"
  const step = steps.find((candidate) => Math.round(distance / candidate.ms) >= 2) ?? steps[3]
  const count = Math.round(distance / step.ms)
  const words = `${count} ${step.unit}${count === 1 ? "" : "s"}`
  return atMs > nowMs ? `in ${words}` : `${words} ago`
}

/** `2026-11-21 04:30 UTC (in 30 days)`. */
export function moment(atMs: number, nowMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")} UTC (${relativeTime(atMs, nowMs)})`
}

/** Bytes for people: `1.4 MiB`. */
export function byteCount(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
  const scaled = { value: bytes, unit: 0 }
  while (scaled.value >= 1024 && scaled.unit < units.length - 1) {
    scaled.value /= 1024
    scaled.unit++
  }
  return `${scaled.unit === 0 ? scaled.value : scaled.value.toFixed(1)} ${units[scaled.unit] ?? ""}`
}

/** The first and last characters of an id: enough to tell two apart at a glance. */
export function shortened(id: string, kept = 12): string {
  return id.length <= kept + 1 ? id : `${id.slice(0, kept)}…`
}

/** Lines of `name  value`, values aligned. */
export function fields(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join("\n")
}

/** A table with a header and aligned columns, without borders, so that it can be cut and grepped. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)))
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}
