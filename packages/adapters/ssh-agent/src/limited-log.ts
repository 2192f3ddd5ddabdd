/** Lines a minute that reach the log. */
export const MAX_LOG_LINES = 60
const MINUTE_MS = 60_000

/** A log that a client who is refused without end cannot fill: after 60 lines, the rest of that minute's are counted only. */
export function limitedLog(log: (line: string) => void, now: () => number = () => performance.now()): (line: string) => void {
  let [begunAt, lines] = [now(), 0]
  return (line) => {
    const time = now()
    if (time - begunAt >= MINUTE_MS) {
      if (lines > MAX_LOG_LINES) log(`ssh-agent: ${lines - MAX_LOG_LINES} more lines were left out`)
      begunAt = time
      lines = 0
    }
    lines++
    if (lines <= MAX_LOG_LINES) log(line)
  }
}
