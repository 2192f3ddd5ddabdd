import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { concatBytes, encodeCanonical, ok, refuse, Secret, unwrap, type Result } from "@keygrove/base"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { bootSecretIn, keepBootKey, readBootKeyForm, type BootKeyTools, type BootSealer } from "./boot-key-file.ts"

const options = { signal: new AbortController().signal }
let directory: string
let path: string
let drawn: number
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygrove-boot-key-"))
  path = join(directory, "boot-key")
  drawn = 0
})
afterEach(() => rmSync(directory, { recursive: true }))

/** A machine that "seals" by a mask, with a number of its own and one register. */
class Machine implements BootSealer {
  register = 0
  id = 1
  trouble: string | undefined

  seal: BootSealer["seal"] = async (secret, pcrs) =>
    await Promise.resolve(
      ok(
        secret.expose((bytes) =>
          concatBytes(
            Uint8Array.of(this.id, pcrs.length > 0 ? this.register : 0),
            bytes.map((byte) => byte ^ 0x5a),
          ),
        ),
      ),
    )

  unseal: BootSealer["unseal"] = async (sealed, pcrs) => await Promise.resolve(this.#unseal(sealed, pcrs))

  #unseal(sealed: Uint8Array, pcrs: readonly number[]): Result<Secret> {
    if (this.trouble !== undefined) return refuse(this.trouble, "no")
    if (sealed[0] !== this.id) return refuse("TPM_KEY_LOST", "another machine")
    if (pcrs.length > 0 && sealed[1] !== this.register) return refuse("TPM_REGISTERS_CHANGED", "another system")
    return ok(Secret.take(sealed.slice(2).map((byte) => byte ^ 0x5a)))
  }
}

function toolsOf(sealer: BootSealer): BootKeyTools {
  return { sealer, random: (length) => new Uint8Array(length).fill(++drawn) }
}

async function secretOf(tools: BootKeyTools, make = false): Promise<number | string | undefined> {
  const opened = await bootSecretIn(path, tools).open({ make, ...options })
  if (!opened.ok) return opened.code
  using secret = opened.value
  return secret.expose((bytes) => (bytes.every((byte) => byte === bytes[0]) ? bytes[0] : "mixed"))
}

describe("the file of a boot key", () => {
  test("is made in the open when it is asked for, and read as it was from the beginning", async () => {
    const tools = toolsOf(new Machine())
    expect(unwrap(readBootKeyForm(path))).toBeUndefined()
    expect(await secretOf(tools)).toBe("BOOT_KEY_INVALID")
    expect(await secretOf(tools, true)).toBe(1)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path)).toEqual(Buffer.alloc(32, 1))
    expect(unwrap(readBootKeyForm(path))).toEqual({ kept: "plain" })
    expect([await secretOf(tools, true), bootSecretIn(path, tools).stamp()]).toEqual([1, undefined])
    chmodSync(path, 0o640)
    expect(await secretOf(tools)).toBe("BOOT_KEY_INVALID")
  })

  test("is sealed with another secret than lay in the open, and stays that until it is kept in the open again", async () => {
    const tools = toolsOf(new Machine())
    await secretOf(tools, true)
    expect(unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [0, 7] }, tools, options))).toEqual({ isNew: true })
    expect(unwrap(readBootKeyForm(path))).toEqual({ kept: "tpm", pcrs: [0, 7] })
    expect(await secretOf(tools)).toBe(2)
    expect(readFileSync(path).includes(Buffer.alloc(32, 2))).toBe(false)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const stamp = bootSecretIn(path, tools).stamp()
    expect(stamp).toBe(bootSecretIn(path, tools).stamp())
    expect(unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [] }, tools, options))).toEqual({ isNew: false })
    expect(bootSecretIn(path, tools).stamp()).not.toBe(stamp)
    expect([await secretOf(tools), unwrap(readBootKeyForm(path))]).toEqual([2, { kept: "tpm", pcrs: [] }])
    expect(unwrap(await keepBootKey(path, { kept: "plain" }, tools, options))).toEqual({ isNew: false })
    expect([await secretOf(tools), readdirSync(directory)]).toEqual([2, ["boot-key"]])
  })

  test("gives its secret on its machine alone, and while that is as it was", async () => {
    const machine = new Machine()
    const tools = toolsOf(machine)
    unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [7] }, tools, options))
    machine.register = 5
    expect(await secretOf(tools, true)).toBe("BOOT_KEY_SEALED")
    // The person says that the new system is good: what it was sealed to never comes back.
    expect(unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [7] }, tools, options))).toEqual({ isNew: true })
    expect(await secretOf(tools)).toBe(2)
    machine.id = 9
    expect(await bootSecretIn(path, tools).open({ make: true, ...options })).toMatchObject({
      code: "BOOT_KEY_SEALED",
      data: { reason: "TPM_KEY_LOST" },
      message: expect.stringContaining("passphrase"),
    })
  })

  test("stays as it is when the machine's TPM cannot be asked, or seals what it does not open", async () => {
    const machine = new Machine()
    const tools = toolsOf(machine)
    unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [] }, tools, options))
    const before = readFileSync(path)
    machine.trouble = "TPM_BUSY"
    for (const kept of [{ kept: "plain" }, { kept: "tpm", pcrs: [] }] as const)
      expect(await keepBootKey(path, kept, tools, options)).toMatchObject({ code: "TPM_BUSY" })
    rmSync(path)
    expect(await keepBootKey(path, { kept: "tpm", pcrs: [] }, tools, options)).toMatchObject({ code: "TPM_BUSY" })
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, before, { mode: 0o600 })
    machine.trouble = undefined
    expect(await secretOf(tools)).toBe(1)
    const liar: BootSealer = {
      seal: async () => await Promise.resolve(ok(Uint8Array.of(1, 0, ...new Uint8Array(32)))),
      unseal: machine.unseal,
    }
    expect(await keepBootKey(path, { kept: "tpm", pcrs: [] }, toolsOf(liar), options)).toMatchObject({ code: "BOOT_KEY_SEALED" })
    expect(readFileSync(path)).toEqual(before)
  })

  test("is refused when it is neither, and never overwritten then", async () => {
    const tools = toolsOf(new Machine())
    const sealed = { v: 1, kept: "tpm", sealed: new Uint8Array(60) }
    const misfits = [
      { ...sealed, pcrs: [7, 0] },
      { ...sealed, pcrs: [24] },
      { ...sealed, pcrs: [], v: 2 },
      { ...sealed, pcrs: [], kept: "paper" },
    ]
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(31),
      new Uint8Array(33),
      new Uint8Array(5_000),
      ...misfits.map(encodeCanonical),
    ]) {
      writeFileSync(path, bytes, { mode: 0o600 })
      expect(await secretOf(tools, true)).toBe("BOOT_KEY_INVALID")
      expect(readBootKeyForm(path)).toMatchObject({ code: "BOOT_KEY_INVALID" })
      expect(await keepBootKey(path, { kept: "tpm", pcrs: [] }, tools, options)).toMatchObject({ code: "BOOT_KEY_INVALID" })
      expect(readFileSync(path)).toEqual(Buffer.from(bytes))
    }
  })

  test("is there after a crash in the middle of a change, in the one form or the other", async () => {
    const tools = toolsOf(new Machine())
    await secretOf(tools, true)
    // What a crash before the renaming leaves.
    writeFileSync(`${path}.new`, new Uint8Array(7))
    expect(await secretOf(tools)).toBe(1)
    unwrap(await keepBootKey(path, { kept: "tpm", pcrs: [] }, tools, options))
    expect([await secretOf(tools), readdirSync(directory)]).toEqual([2, ["boot-key"]])
  })
})
