import { spawn } from "node:child_process"
import { once } from "node:events"
import { expect, test } from "vitest"
import { processTree, residentPeak } from "./grove/peak-memory.ts"
import { isRunning, waitForEnd } from "./process-end.ts"

const { signal } = new AbortController()

test("a process runs, has memory and children, and is waited for", async () => {
  const child = spawn("sh", ["-c", "sleep 60 & echo ready; wait"], { stdio: ["ignore", "pipe", "ignore"] })
  await once(child.stdout, "data")
  const pid = child.pid ?? 0
  expect(isRunning(pid)).toBe(true)
  expect(await waitForEnd(pid, { timeoutMs: 30, signal })).toBe(false)
  expect(residentPeak(pid)).toBeGreaterThan(100_000)
  const tree = processTree(pid)
  // Only Linux tells the children.
  expect(tree).toHaveLength(process.platform === "linux" ? 2 : 1)
  for (const member of tree.toReversed()) process.kill(member, "SIGKILL")
  expect(await waitForEnd(pid, { timeoutMs: 10_000, signal })).toBe(true)
  expect(residentPeak(pid)).toBe(0)
})
