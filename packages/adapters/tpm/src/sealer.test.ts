import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { afterAll, beforeAll, expect, test } from "vitest"
import { TpmSealer } from "./sealer.ts"
import { SoftwareTpm } from "./swtpm.fixture.ts"

const options = { signal: new AbortController().signal }
let tpm: SoftwareTpm
let sealer: TpmSealer
beforeAll(async () => {
  tpm = await SoftwareTpm.start()
  sealer = new TpmSealer(tpm.tcti)
})
afterAll(async () => await tpm[Symbol.asyncDispose]())

function secretOf(length: number): Secret {
  return Secret.fill(length, (bytes) => bytes.forEach((_, at) => (bytes[at] = (at * 31 + 200) & 0xff)))
}

async function opens(sealed: Uint8Array, pcrs: readonly number[], by: TpmSealer = sealer): Promise<string> {
  const opened = await by.unseal(sealed, pcrs, options)
  if (!opened.ok) return opened.code
  using secret = opened.value
  using expected = secretOf(secret.length)
  return secret.equals(expected) ? `${secret.length} bytes` : "something else"
}

test("what was sealed is opened by this TPM, also after it was off, and by no other", async () => {
  for (const length of [1, 32, 128]) {
    using secret = secretOf(length)
    const sealed = unwrap(await sealer.seal(secret, [], options))
    expect(Buffer.from(sealed).includes(secret.expose((bytes) => Buffer.from(bytes))) && length > 1).toBe(false)
    expect(await opens(sealed, [])).toBe(`${length} bytes`)
  }
  using secret = secretOf(32)
  const sealed = unwrap(await sealer.seal(secret, [], options))
  await tpm.reboot()
  expect(await opens(sealed, [])).toBe("32 bytes")
  await using other = await SoftwareTpm.start()
  expect(await opens(sealed, [], new TpmSealer(other.tcti))).toBe("TPM_KEY_LOST")
  for (const at of [0, 20, sealed.length - 1])
    expect(
      await opens(
        Uint8Array.from(sealed, (byte, i) => (i === at ? byte ^ 1 : byte)),
        [],
      ),
    ).toMatch(/^TPM_/)
  expect(tpm.run("tpm2_getcap", "handles-transient") + tpm.run("tpm2_getcap", "handles-loaded-session")).toBe("")
})

test("what was sealed to registers is opened while they are what they were, and by nothing but them", async () => {
  using secret = secretOf(32)
  const sealed = unwrap(await sealer.seal(secret, [0, 16], options))
  expect(await opens(sealed, [0, 16])).toBe("32 bytes")
  expect(await opens(sealed, [0])).toBe("TPM_REGISTERS_CHANGED")
  expect(await opens(sealed, [])).toMatch(/^TPM_/)
  tpm.run("tpm2_pcrextend", `16:sha256=${"ab".repeat(32)}`)
  expect(await opens(sealed, [0, 16])).toBe("TPM_REGISTERS_CHANGED")
  tpm.run("tpm2_pcrreset", "16")
  expect(await opens(sealed, [0, 16])).toBe("32 bytes")
})

test("what was sealed is lost when the TPM is cleared", async () => {
  await using other = await SoftwareTpm.start()
  const own = new TpmSealer(other.tcti)
  using secret = secretOf(32)
  const sealed = unwrap(await own.seal(secret, [], options))
  other.run("tpm2_clear")
  expect(await opens(sealed, [], own)).toBe("TPM_KEY_LOST")
})

test("a secret is in no argument, no variable and no file that a tool gets", async () => {
  const spy = mkdtempSync(join(tmpdir(), "keygrove-spy-"))
  const { PATH: path = "" } = process.env
  try {
    for (const tool of ["tpm2_create", "tpm2_unseal", "tpm2_load", "tpm2_createprimary", "tpm2_flushcontext"])
      writeFileSync(
        join(spy, tool),
        `#!/bin/sh\nPATH='${path}'\n{ echo "$0" "$@"; env; cat "$PWD"/*; } >>'${join(spy, "seen")}' 2>/dev/null\nexec ${tool} "$@"\n`,
        { mode: 0o755 },
      )
    process.env["PATH"] = `${spy}${delimiter}${path}`
    using secret = Secret.take(new TextEncoder().encode("a canary of thirty-two bytes, ok"))
    const sealed = unwrap(await sealer.seal(secret, [], options))
    using opened = unwrap(await sealer.unseal(sealed, [], options))
    expect(opened.equals(secret)).toBe(true)
    const seen = readFileSync(join(spy, "seen"))
    expect(seen.includes("tpm2_unseal")).toBe(true)
    expect(seen.includes("canary")).toBe(false)
    expect(seen.includes(Buffer.from("a canary").toString("hex"))).toBe(false)
  } finally {
    process.env["PATH"] = path
    rmSync(spy, { recursive: true })
  }
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("keygrove-spy-"))).toEqual([])
})
