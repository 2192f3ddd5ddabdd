import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { afterAll, expect, test } from "vitest"
import { generationOf } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"
import { pieceKeysContract } from "../../../packages/service/src/ports/piece-keys.contract.ts"
import { ProcessHome, processSubject } from "./piece-process.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const stage = mkdtempSync(join(tmpdir(), "keygrove-pieces-"))
afterAll(() => rmSync(stage, { recursive: true, force: true }))

pieceKeysContract("a process of its own", processSubject(stage))

test("the boot key is made when it is first asked for, for its owner only, and nothing else is taken for one", async () => {
  await using home = new ProcessHome(join(stage, "boot"))
  expect(await home.openLocked()).toMatchObject({ code: "BOOT_KEY_INVALID" })
  await using keystore = await home.open()
  expect(() => statSync(home.bootKey)).toThrow("ENOENT")
  const keys = unwrap(await keystore.bootKeys(call))
  const { mode, size } = statSync(home.bootKey)
  expect([mode & 0o777, size]).toEqual([0o600, 32])
  const bytes = readFileSync(home.bootKey)
  for (const spoil of [(): void => chmodSync(home.bootKey, 0o640), (): void => writeFileSync(home.bootKey, bytes.subarray(1))]) {
    spoil()
    expect(await keystore.bootKeys(call)).toMatchObject({ code: "BOOT_KEY_INVALID" })
    expect(await keystore.share({ generation: generationOf(1), threshold: 2, recipients: [] }, call)).toMatchObject({
      code: "BOOT_KEY_INVALID",
    })
    writeFileSync(home.bootKey, bytes)
    chmodSync(home.bootKey, 0o600)
  }
  expect(unwrap(await keystore.bootKeys(call))).toEqual(keys)
})
