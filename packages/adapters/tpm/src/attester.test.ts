import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { attesterContract, memoryInProcess } from "../../../service/src/ports/attester.contract.ts"
import { TpmAttester } from "./attester.ts"
import { SoftwareTpm } from "./swtpm.fixture.ts"

const options = { signal: new AbortController().signal }
const order = { qualifyingData: new Uint8Array(32).fill(3), pcrs: [0, 7] }

attesterContract("of a TPM", async () => {
  const tpm = await SoftwareTpm.start()
  return {
    attester: (memory) => new TpmAttester({ tcti: tpm.tcti, memory }),
    extend: async (pcr, text) => {
      tpm.run("tpm2_pcrextend", `${pcr}:sha256=${createHash("sha256").update(text).digest("hex")}`)
      await Promise.resolve()
    },
    reboot: async () => await tpm.reboot(),
    clear: async () => {
      tpm.run("tpm2_clear")
      await Promise.resolve()
    },
    [Symbol.asyncDispose]: async () => await tpm[Symbol.asyncDispose](),
  }
})

describe("a TPM", () => {
  let tpm: SoftwareTpm
  const { PATH: path, TMPDIR: temporary } = process.env
  let scratch: string
  beforeAll(async () => {
    tpm = await SoftwareTpm.start()
    scratch = mkdtempSync(join(tmpdir(), "keygrove-tools-"))
    process.env["TMPDIR"] = scratch
  })
  afterEach(() => {
    process.env["PATH"] = path
  })
  afterAll(async () => {
    await tpm[Symbol.asyncDispose]()
    rmSync(scratch, { recursive: true })
    if (temporary === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = temporary
  })

  const places = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("keygrove-tpm-"))

  test("has nothing in it afterwards, also of those who were killed before, and no file is left", async () => {
    const before = places()
    // What a crash between two tools leaves, until the TPM is full.
    for (const name of ["a", "b", "c"]) tpm.run("tpm2_createprimary", "-Q", "--hierarchy=o", `--key-context=${name}`)
    const attester = new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() })
    expect((await attester.enrol(options)).ok).toBe(true)
    expect((await attester.quote(order, options)).ok).toBe(true)
    for (const kind of ["handles-transient", "handles-persistent", "handles-loaded-session"]) expect(tpm.run("tpm2_getcap", kind)).toBe("")
    expect(places()).toEqual(before)
  })

  test("keeps the key of before when it cannot be asked, and when what was kept is no key another is made", async () => {
    const memory = memoryInProcess()
    const { publicArea } = unwrap(await new TpmAttester({ tcti: tpm.tcti, memory }).enrol(options))
    const gone = new TpmAttester({ tcti: `swtpm:path=${join(tpm.directory, "none")}`, memory })
    for (const answer of [await gone.enrol(options), await gone.quote(order, options), await gone.measure([0], options)])
      expect(answer).toMatchObject({ code: "TPM_ABSENT", message: expect.stringContaining("none") })
    const attester = new TpmAttester({ tcti: tpm.tcti, memory })
    expect(unwrap(await attester.enrol(options)).publicArea).toEqual(publicArea)
    await memory.write(new Uint8Array(9), options)
    expect(await attester.quote(order, options)).toMatchObject({ code: "TPM_KEY_LOST" })
    expect(unwrap(await attester.enrol(options)).publicArea).not.toEqual(publicArea)
  })

  test("says which package is missing", async () => {
    process.env["PATH"] = scratch
    expect(await new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() }).enrol(options)).toMatchObject({
      code: "TPM_TOOLS_MISSING",
      message: expect.stringContaining("tpm2-tools"),
    })
  })

  test("cannot use the key of another, and one that has passwords, or a bank less, says so", async () => {
    await using other = await SoftwareTpm.start()
    const copied = memoryInProcess()
    unwrap(await new TpmAttester({ tcti: tpm.tcti, memory: copied }).enrol(options))
    expect(await new TpmAttester({ tcti: other.tcti, memory: copied }).quote(order, options)).toMatchObject({ code: "TPM_KEY_LOST" })
    const attester = new TpmAttester({ tcti: other.tcti, memory: memoryInProcess() })
    other.run("tpm2_changeauth", "-c", "e", "secret")
    expect(await attester.enrol(options)).toMatchObject({
      code: "TPM_FAILED",
      message: expect.stringContaining("password of its hierarchy"),
    })
    other.run("tpm2_pcrallocate", "sha1:all+sha256:none")
    await other.reboot()
    expect(await attester.measure([0], options)).toMatchObject({ code: "TPM_FAILED", message: expect.stringContaining("SHA-256 bank") })
  })

  test("that does not answer is left when the caller wants it no more, and serves the next", async () => {
    const attester = new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() })
    unwrap(await attester.enrol(options))
    const before = places()
    tpm.signal("SIGSTOP")
    try {
      const enough = new AbortController()
      const asked = attester.quote(order, { signal: enough.signal })
      const outcome = asked.catch((error: unknown) => error)
      await expect.poll(() => places().length).toBe(before.length + 1)
      const reason = new Error("enough")
      enough.abort(reason)
      expect(await outcome).toBe(reason)
    } finally {
      tpm.signal("SIGCONT")
    }
    expect(places()).toEqual(before)
    expect((await attester.quote(order, options)).ok).toBe(true)
  })

  test.each([
    ["ERROR: Esys_Load(0x921) - tpm:warn(2.0): authorizations are locked", "TPM_LOCKED_OUT"],
    ["ERROR: Esys_Load(0x922) - tpm:warn(2.0): not able to start the command", "TPM_BUSY"],
    ["ERROR: Esys_Load(0xB0902) - resmgr tpm:warn(2.0): out of memory for object contexts", "TPM_BUSY"],
    ["Failed to open: Device or resource busy\\nERROR: Could not load tcti, got: x", "TPM_BUSY"],
    ["Failed to open: Permission denied\\nERROR: Could not load tcti, got: x", "TPM_ABSENT"],
    ["ERROR: Esys_Load(0x101) - tpm:error(2.0): commands not being accepted because of a TPM failure", "TPM_FAILED"],
    ["", "TPM_FAILED"],
  ])("whose tool says %j is %s", async (words, code) => {
    writeFileSync(join(scratch, "tpm2_flushcontext"), `#!/bin/sh\nprintf '${words}\\n' >&2\nexit 1\n`, { mode: 0o755 })
    process.env["PATH"] = `${scratch}${delimiter}${path ?? ""}`
    expect(await new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() }).measure([0], options)).toMatchObject({ code })
  })

  test("is not asked where its tools would have no directory", async () => {
    process.env["TMPDIR"] = join(scratch, "none")
    const attester = new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() })
    expect(await attester.measure([0], options)).toMatchObject({ code: "TPM_FAILED", message: expect.stringContaining("TMPDIR") })
    process.env["TMPDIR"] = scratch
  })

  test("whose tool says too much is ended", async () => {
    writeFileSync(join(scratch, "tpm2_flushcontext"), "#!/bin/sh\nexec yes\n", { mode: 0o755 })
    process.env["PATH"] = `${scratch}${delimiter}${path ?? ""}`
    expect(await new TpmAttester({ tcti: tpm.tcti, memory: memoryInProcess() }).measure([0], options)).toMatchObject({
      code: "TPM_FAILED",
      message: expect.stringContaining("65536"),
    })
  })
})
