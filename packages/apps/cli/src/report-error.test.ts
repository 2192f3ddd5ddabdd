import { KeygroveError } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { CommandError, commandError } from "./errors.ts"
import { reportError } from "./report-error.ts"

async function report(
  error: unknown,
  json = false,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ status: number; text: string }> {
  const parts: string[] = []
  const status = await reportError(error, { json, signal, stderr: { write: (text: string) => parts.push(text) } })
  return { status, text: parts.join("") }
}

describe("reportError", () => {
  test("prints one line and returns the status of the class", async () => {
    expect(await report(commandError("USAGE_INVALID", "too\n  late"))).toEqual({ status: 2, text: "USAGE_INVALID: too late\n" })
  })

  test("prints one JSON object with --json", async () => {
    const { status, text } = await report(new CommandError("NODE_NOT_RUNNING", "not there", { data: { pid: 7 } }), true)
    expect(status).toBe(6)
    expect(JSON.parse(text)).toEqual({ version: 1, code: "NODE_NOT_RUNNING", message: "not there", data: { pid: 7 } })
  })

  test("looks the class of a package's code up", async () => {
    expect((await report(new KeygroveError("IDENTITY_INVALID", "damaged"))).status).toBe(2)
    expect((await report(new KeygroveError("FILE_CORRUPT", "damaged"))).status).toBe(1)
    expect((await report(new CommandError("SOMETHING_NEW", "of a newer node"))).status).toBe(1)
  })

  test("names an interruption, a full disk and what nobody expected", async () => {
    const interrupted = AbortSignal.abort("SIGINT")
    expect(await report(interrupted.reason, false, interrupted)).toMatchObject({
      status: 130,
      text: expect.stringMatching(/^INTERRUPTED: stopped by SIGINT/),
    })
    expect(await report(Object.assign(new Error("write"), { code: "ENOSPC" }))).toMatchObject({
      status: 1,
      text: expect.stringMatching(/^DISK_FULL: /),
    })
    expect(await report(new Error("boom"))).toMatchObject({ status: 1, text: expect.stringMatching(/^UNEXPECTED: boom/) })
    expect(await report("thrown text")).toMatchObject({ status: 1, text: expect.stringMatching(/^UNEXPECTED: /) })
  })
})
