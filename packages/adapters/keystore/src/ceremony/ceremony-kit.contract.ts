import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { systemRandom } from "@keygrove/system"
import type { KeystoreTools } from "../engine.ts"
import { KEY_FILE_BYTES } from "../key-encryption.ts"
import type { SecretSource } from "../secret-source.ts"

/** The tools of a keystore on this machine. */
export const ceremonyTools: KeystoreTools = {
  primitives: nativePrimitives,
  sealing: createSealing({ x25519: nativePrimitives.x25519, random: systemRandom }),
  random: systemRandom,
}

/** A directory for the files of a test, with a key file that opens its keystores. Disposal removes it. */
export interface CeremonyStage extends Disposable {
  readonly directory: string
  readonly keyBytes: Uint8Array
  readonly unlock: SecretSource
}

export function makeCeremonyStage(): CeremonyStage {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-ceremony-"))
  const path = join(directory, "key")
  const keyBytes = systemRandom(KEY_FILE_BYTES)
  writeFileSync(path, keyBytes, { mode: 0o600 })
  return { directory, keyBytes, unlock: { kind: "key-file", path }, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}
