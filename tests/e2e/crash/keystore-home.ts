import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { unwrap } from "@keygrove/base"
import type { KeyId } from "@keygrove/keys"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { MAX_AUDIT_SLICE, MAX_KEY_SLICE, type KeyCall, type NamedKeys } from "@keygrove/service"
import type { AuditEvent, KeyEntry } from "@keygrove/keys"
import { bundle } from "../bundle.ts"
import type { TestHome } from "../node/node-process.ts"

/** Starts the real keystore process over a home. */
export async function openKeystore(home: TestHome, call: KeyCall): Promise<KeystoreProcess> {
  const stores = ["--store", home.file("keystore.db"), "--audit", home.file("audit.db"), "--key-file", home.keyFile]
  return unwrap(await spawnKeystore({ command: process.execPath, args: [join(bundle, "keystore.mjs"), "serve", ...stores] }, call))
}

/** The sealed secrets of every version, `id:version`, in a copy of the files as a dead process left them: opening these would mend them. */
export function sealedIn(home: TestHome, directory: string): ReadonlyMap<string, Buffer> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { mode: 0o700 })
  for (const name of STORE_FILES) if (existsSync(home.file(name))) copyFileSync(home.file(name), join(directory, name))
  const database = new DatabaseSync(join(directory, "keystore.db"))
  try {
    const sealed = new Map<string, Buffer>()
    for (const { id, sealed: bytes, version } of database.prepare("SELECT id, version, sealed FROM key_secret").iterate())
      if (bytes instanceof Uint8Array) sealed.set(`${String(id)}:${String(version)}`, Buffer.from(bytes))
    return sealed
  } finally {
    database.close()
  }
}

const STORE_FILES = ["keystore.db", "keystore.db-wal"]

/** Which of the sealed secrets have bytes in the files of the home, wherever in them. */
export function tracesOf(home: TestHome, sealed: ReadonlyMap<string, Buffer>): readonly string[] {
  const files = STORE_FILES.map(home.file)
    .filter(existsSync)
    .map((file) => readFileSync(file))
  // An eighth of one is enough: half a record would open nothing, and still should not be there.
  return [...sealed].filter(([, bytes]) => files.some((file) => file.includes(bytes.subarray(24, 40)))).map(([place]) => place)
}

export async function allKeys(keys: NamedKeys, call: KeyCall): Promise<readonly KeyEntry[]> {
  const all: KeyEntry[] = []
  for (let after: KeyId | undefined; ; after = all.at(-1)?.id) {
    const slice = unwrap(await keys.list({ limit: MAX_KEY_SLICE, ...(after === undefined ? {} : { after }) }, call))
    if (slice.length === 0) return all
    all.push(...slice)
  }
}

export async function eventsFrom(keys: NamedKeys, from: number, call: KeyCall): Promise<readonly AuditEvent[]> {
  const all: AuditEvent[] = []
  for (;;) {
    const slice = unwrap(await keys.audit({ from: from + all.length, limit: MAX_AUDIT_SLICE }, call))
    if (slice.length === 0) return all
    all.push(...slice)
  }
}
