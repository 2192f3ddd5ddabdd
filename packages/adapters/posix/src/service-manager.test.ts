import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { canReceiveNotifications, receiveNotifications } from "./service-manager.fixture.ts"
import { notifyServiceManager } from "./service-manager.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-notify-"))
afterAll(() => rmSync(directory, { recursive: true }))
const call = { signal: AbortSignal.timeout(600_000) }

describe.runIf(canReceiveNotifications)("a service manager", () => {
  test.each([
    ["a path", join(directory, "notify")],
    ["an abstract name", `@keygrove-notify-${process.pid}`],
  ])("on %s is told by this process itself, in one datagram", async (_kind, address) => {
    await using receiver = await receiveNotifications(address)
    expect(await notifyServiceManager({ READY: "1", STATUS: "serving\n/laptop" }, call, address)).toBe(true)
    expect(await receiver.next("READY=1")).toEqual({ pid: process.pid, lines: ["READY=1", "STATUS=serving /laptop"] })
    expect(await notifyServiceManager({ STOPPING: "1" }, call, address)).toBe(true)
    expect(await receiver.next("STOPPING=1")).toEqual({ pid: process.pid, lines: ["STOPPING=1"] })
    expect(receiver.received).toHaveLength(2)
  })
})

test("without a service manager nothing is done", async () => {
  expect(await notifyServiceManager({ READY: "1" }, call, "")).toBe(false)
})

test.each(["/nowhere/at/all", "@keygrove-nobody-listens", "vsock:2:1234", "relative", `/${"x".repeat(200)}`])(
  "one that is not there is no reason to fail: %s",
  async (address) => {
    expect(await notifyServiceManager({ READY: "1" }, call, address)).toBe(false)
  },
)
