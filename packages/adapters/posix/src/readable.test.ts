import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { openReadable } from "./readable.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-readable-"))
const state: { isReadable?: ((descriptor: number) => boolean) | undefined } = {}
beforeAll(async () => {
  state.isReadable = await openReadable()
  await once(spawn("mkfifo", [join(directory, "pipe")]), "exit")
})
afterAll(() => rmSync(directory, { recursive: true }))

describe.runIf(process.platform === "linux")("a read would not wait", () => {
  test("of a pipe when it has bytes, and when it has ended", () => {
    const path = join(directory, "pipe")
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY)
    expect(state.isReadable?.(reader)).toBe(false)
    writeSync(writer, "x")
    expect(state.isReadable?.(reader)).toBe(true)
    closeSync(writer)
    expect(state.isReadable?.(reader)).toBe(true)
    closeSync(reader)
  })

  test("of a file, also at its end, and of what is none", () => {
    const path = join(directory, "empty")
    writeFileSync(path, "")
    const file = openSync(path, "r")
    expect(state.isReadable?.(file)).toBe(true)
    closeSync(file)
    expect(state.isReadable?.(file)).toBe(true)
  })
})
