import { spawn } from "node:child_process"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, test } from "vitest"

const script = fileURLToPath(new URL("../../scripts/quickstart.mjs", import.meta.url))
const MAX_PROCESS_BYTES = 250 * 1024 * 1024

const state = { directory: "" }

beforeEach(async () => {
  state.directory = await mkdtemp(join(tmpdir(), "keygrove-quickstart-"))
})

afterEach(async () => {
  await rm(state.directory, { recursive: true })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

async function quickstart(args: readonly string[], onOutput: (text: string, stop: () => void) => void = () => undefined): Promise<Ended> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, TMPDIR: state.directory },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const parts = { out: "", err: "" }
  child.stdout.on("data", (chunk: Buffer) => {
    parts.out += chunk.toString("utf8")
    onOutput(parts.out, () => child.kill("SIGTERM"))
  })
  child.stderr.on("data", (chunk: Buffer) => (parts.err += chunk.toString("utf8")))
  const code = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve))
  return { code, ...parts }
}

describe("npm run quickstart", () => {
  test("does the main job in little memory and leaves nothing behind", async () => {
    const ended = await quickstart(["--json"])
    expect(ended).toMatchObject({ code: 0, err: "" })
    const summary: unknown = JSON.parse(ended.out)
    expect(summary).toMatchObject({
      version: 1,
      kept: null,
      steps: ["started", "encrypted", "granted", "killed", "decrypted", "revoked", "refused", "kept"].map((name) => ({ name })),
    })
    const { peakBytes } = summary as { readonly peakBytes: number }
    expect(peakBytes).toBeLessThan(MAX_PROCESS_BYTES)
    expect(await readdir(state.directory)).toEqual([])
  })

  test("cleans up when it is interrupted half-way", async () => {
    const ended = await quickstart([], (text, stop) => {
      if (text.includes("Alice encrypted")) stop()
    })
    expect(ended.code).toBe(1)
    expect(ended.err).toMatch(/^QUICKSTART_FAILED: interrupted/m)
    expect(await readdir(state.directory)).toEqual([])
  })

  test("refuses a file that does not exist in one line", async () => {
    const ended = await quickstart([join(state.directory, "none")])
    expect(ended.code).toBe(1)
    expect(ended.err).toMatch(/^FILE_UNREADABLE: /)
  })
})
