import { expect, test } from "vitest"
import { limitedLog, MAX_LOG_LINES } from "./limited-log.ts"

test("a minute has 60 lines, and the next one begins with how many were left out", () => {
  const written: string[] = []
  let time = 0
  const log = limitedLog(
    (line) => written.push(line),
    () => time,
  )
  for (let index = 0; index < 100; index++) log(`line ${index}`)
  expect(written).toHaveLength(MAX_LOG_LINES)
  time = 59_999
  log("too early")
  expect(written.at(-1)).toBe("line 59")
  time = 60_000
  log("in time")
  expect(written.slice(MAX_LOG_LINES)).toEqual(["ssh-agent: 41 more lines were left out", "in time"])
  time = 120_000
  log("quiet")
  expect(written.at(-1)).toBe("quiet")
  expect(written).toHaveLength(MAX_LOG_LINES + 3)
})
