/** The first digits of an id: enough to tell two apart at a glance. */
export function shortened(id: string): string {
  return id.length <= 13 ? id : `${id.slice(0, 12)}…`
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}

const STEPS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
] as const

/** `3 hours ago`, `just now`: whole units, so that the text changes seldom. */
export function ago(atMs: number, nowMs: number): string {
  const elapsed = Math.max(0, nowMs - atMs)
  const step = STEPS.find(([, ms]) => elapsed >= ms)
  return step === undefined ? "just now" : `${counted(Math.floor(elapsed / step[1]), step[0])} ago`
}

/** `in 3 minutes`, `now`: whole minutes, so that the text changes seldom. */
export function soon(atMs: number, nowMs: number): string {
  return atMs <= nowMs ? "now" : `in ${counted(Math.ceil((atMs - nowMs) / 60_000), "minute")}`
}

/** Minutes and seconds that are left, `4:05`. */
export function countdown(untilMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.ceil((untilMs - nowMs) / 1_000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

/** A message of the node as a sentence: it begins like the middle of one, and has its commands between backquotes. */
export function proseParts(message: string): readonly (string | { readonly code: string })[] {
  const text = message.charAt(0).toUpperCase() + message.slice(1)
  const sentence = /[.!?]$/.test(text) ? text : `${text}.`
  return sentence.split(/(`[^`]+`)/).flatMap((part) => (part === "" ? [] : [/^`.+`$/.test(part) ? { code: part.slice(1, -1) } : part]))
}
