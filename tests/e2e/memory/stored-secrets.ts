import { pbkdf2Sync } from "node:crypto"
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { decodeCanonical, Secret, unwrap } from "@keygrove/base"
import { encodeInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { deriveVault, type VaultSecrets } from "@keygrove/hierarchy"
import { decodeKeyEntry } from "@keygrove/keys"
import { foundNode } from "@keygrove/keystore"
import type { TestHome } from "../node/node-process.ts"

const NONCE_BYTES = 24
const MAX_ENTRY_BYTES = 1_048_576

/** The vault's secrets of a node, from its words, as only their owner could make them. */
export function vaultOf(home: TestHome, name: string): VaultSecrets {
  const words = readFileSync(`${home.directory}.words`, "utf8").trim()
  using seed = Secret.take(Uint8Array.from(pbkdf2Sync(words, "mnemonic", 2048, 64, "sha512")))
  using node = unwrap(foundNode(nativePrimitives, seed, name)).nodeSecret
  return deriveVault(nativePrimitives, node)
}

/** Every secret in the store of a running node, by `id:version`: read from a copy of its files and opened with the vault's key. */
export function storedSecrets(home: TestHome, vault: VaultSecrets): ReadonlyMap<string, Buffer> {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-copy-"))
  for (const name of ["keystore.db", "keystore.db-wal"])
    if (existsSync(home.file(name))) copyFileSync(home.file(name), join(directory, name))
  const database = new DatabaseSync(join(directory, "keystore.db"))
  try {
    const rows = database.prepare("SELECT id, version, sealed, entry FROM key_secret JOIN named_key USING (id)").all()
    return new Map(
      rows.map(({ entry, id, sealed, version }) => [`${String(id)}:${String(version)}`, opened(vault, { entry, sealed, version })]),
    )
  } finally {
    database.close()
    rmSync(directory, { recursive: true })
  }
}

function opened(vault: VaultSecrets, { entry, sealed, version }: Readonly<Record<string, unknown>>): Buffer {
  if (!(entry instanceof Uint8Array) || !(sealed instanceof Uint8Array) || typeof version !== "number") throw new TypeError("no such row")
  const { id, type, versions } = unwrap(decodeKeyEntry(unwrap(decodeCanonical(entry, MAX_ENTRY_BYTES))))
  const place = encodeInfo(["keygrove/v1/key-secret", id, type, version, versions[version - 1]?.publicKey ?? new Uint8Array(0)])
  const [nonce, ciphertext] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES)]
  return Buffer.from(unwrap(nativePrimitives.aead("xchacha20-poly1305").open(vault.sealing, nonce, ciphertext, place)))
}
