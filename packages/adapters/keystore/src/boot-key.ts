import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { ok, refuse, type RandomBytes, type Refusal, type Result, type Secret } from "@keygrove/base"
import { deriveKey, deriveScalar, type Primitives } from "@keygrove/crypto"
import type { BootKeys } from "@keygrove/service"
import { readSecretFile } from "./secret-file.ts"

/** Bytes of a boot secret. */
export const BOOT_SECRET_BYTES = 32

/** Where a node's boot secret is: what it returns belongs to the caller. `make` has one made, durably, when there is none. */
export type BootSecretSource = (options: { readonly make: boolean }) => Result<Secret, "BOOT_KEY_INVALID">

/** What a boot secret gives. Disposal wipes the three secrets. */
export interface BootKeyPair extends Disposable {
  /** Ed25519 seed. */
  readonly signing: Secret
  /** X25519 secret. */
  readonly sealing: Secret
  /** secp256k1 scalar. */
  readonly encryption: Secret
  readonly keys: BootKeys
}

/** The keys of a boot secret, which is borrowed. */
export function deriveBootKeys(primitives: Primitives, boot: Secret): BootKeyPair {
  using partial = new DisposableStack()
  const signing = partial.use(deriveKey(primitives, boot, ["keygrove/v1/boot-signing"], 32))
  const sealing = partial.use(deriveKey(primitives, boot, ["keygrove/v1/boot-sealing"], 32))
  const encryption = partial.use(deriveScalar(primitives, boot, ["keygrove/v1/boot-encryption"]))
  const { curve, ed25519, x25519 } = primitives
  const keys = {
    signingKey: ed25519.publicKey(signing),
    sealingKey: x25519.publicKey(sealing),
    encryptionKey: curve.encodePoint(curve.basePointTimesSecret(encryption)),
  }
  const owned = partial.move()
  return { signing, sealing, encryption, keys, [Symbol.dispose]: () => owned.dispose() }
}

/** The boot secret in a file that nobody but its owner may read: it opens nothing, but whoever has it can ask for pieces in the node's name. */
export function bootSecretIn(path: string, random: RandomBytes): BootSecretSource {
  return ({ make }) => {
    if (make && !existsSync(path)) {
      const made = makeBootSecret(path, random)
      if (!made.ok) return made
    }
    return readSecretFile(path, BOOT_SECRET_BYTES, (reason) => invalid(path, reason))
  }
}

/** A boot secret in memory, for simulations; taken over, and copied for each who asks. */
export function bootSecretOf(secret: Secret): BootSecretSource {
  return () => ok(secret.copy())
}

/** Whole or not at all: a power cut leaves no half of one under the name. */
function makeBootSecret(path: string, random: RandomBytes): Result<true, "BOOT_KEY_INVALID"> {
  const draft = `${path}.new`
  const bytes = random(BOOT_SECRET_BYTES)
  try {
    rmSync(draft, { force: true })
    writeFileSync(draft, bytes, { flag: "wx", mode: 0o600, flush: true })
    renameSync(draft, path)
    syncDirectory(dirname(path))
    return ok(true)
  } catch (error) {
    return invalid(
      path,
      `cannot be made (${error instanceof Error && "code" in error ? String(error.code) : "unknown reason"}); check its directory`,
    )
  } finally {
    bytes.fill(0)
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function invalid(path: string, reason: string): Refusal<"BOOT_KEY_INVALID"> {
  return refuse("BOOT_KEY_INVALID", `the boot key ${path} ${reason}`)
}
