import type { Socket } from "node:net"
import type { DatabaseSync } from "node:sqlite"
import { ok, refuse, type Result } from "@keygrove/base"
import { LockedEngine, serveLocked, type BootSecretSource, type KeystoreTools, type UnlockedKeystore } from "@keygrove/keystore"

/** What a locked keystore begins with. */
export interface LockedStore {
  readonly database: DatabaseSync
  readonly tools: KeystoreTools
  readonly boot: BootSecretSource | undefined
}

/** Greets as a locked keystore and waits for what opens the store: pieces, or capsule fragments of a grant; `undefined` when the daemon has gone before. The result belongs to the caller. */
export async function unlockByPieces(
  socket: Socket,
  { boot, database, tools }: LockedStore,
  signal: AbortSignal,
): Promise<Result<UnlockedKeystore | undefined>> {
  if (boot === undefined) return refuse("BOOT_KEY_INVALID", "a keystore that starts locked is told where its boot key is; give --boot-key")
  const opened = await LockedEngine.open(database, tools, boot, { signal })
  if (!opened.ok) return opened
  await using locked = opened.value
  return ok(await serveLocked(socket, locked, signal))
}
