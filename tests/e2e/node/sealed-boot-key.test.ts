import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodePieceIndex } from "@keygrove/pieces"
import { systemRandom } from "@keygrove/system"
import { afterAll, expect, test } from "vitest"
import { SoftwareTpm } from "../../../packages/adapters/tpm/src/swtpm.fixture.ts"
import { generationOf } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"
import { ProcessHome } from "./piece-process.ts"

const call = { signal: AbortSignal.timeout(600_000) }
const stage = mkdtempSync(join(tmpdir(), "keygrove-sealed-"))
afterAll(() => rmSync(stage, { recursive: true, force: true }))

test("a keystore opens a boot key that is sealed to the TPM, without a person, while the machine is what it was", async () => {
  await using tpm = await SoftwareTpm.start()
  await using home = new ProcessHome(join(stage, "home"))
  home.tcti = tpm.tcti
  unwrap(await home.keepBootKey({ kept: "tpm", pcrs: [16] }))
  expect(statSync(home.bootKey).size).toBeGreaterThan(32)
  const keys = await shareOnce(home)
  {
    await using locked = unwrap(await home.openLocked())
    expect(locked.bootKeys).toEqual(keys)
  }
  tpm.run("tpm2_pcrextend", `16:sha256=${"ab".repeat(32)}`)
  expect(await home.openLocked()).toMatchObject({ code: "BOOT_KEY_SEALED", message: expect.stringContaining("registers 16") })
}, 600_000)

/** Opens the keystore with its key file and shares once, so that pieces could open it. */
async function shareOnce(home: ProcessHome): Promise<unknown> {
  await using keystore = await home.open()
  const recipients = [1, 2].map((index) => ({ index: unwrap(decodePieceIndex(index)), sealingKey: anyKey() }))
  unwrap(await keystore.share({ generation: generationOf(1), threshold: 2, recipients }, call))
  return unwrap(await keystore.bootKeys(call))
}

function anyKey(): Uint8Array {
  using secret = Secret.take(systemRandom(32))
  return nativePrimitives.x25519.publicKey(secret)
}
