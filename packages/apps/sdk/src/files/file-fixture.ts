import { createECDH, createHash, randomBytes } from "node:crypto"
import { ok, Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeClusterId, decodeEpoch, decodeNodePath } from "@keygrove/hierarchy"
import { decodeLabel, deriveFileKey } from "@keygrove/reencryption"
import type { FileKeySource } from "./decrypt-stream.ts"
import type { EncryptionLabel } from "./encrypt-stream.ts"
import type { FileTools } from "./file-tools.ts"

const curve = createECDH("secp256k1")
curve.setPrivateKey(Buffer.alloc(32, 7))

/** The key seed of a capsule in tests of the format, where encapsulation itself is not the matter. */
function seedOf(capsule: Uint8Array): Secret {
  return Secret.take(Uint8Array.from(createHash("sha256").update(capsule).digest()))
}

/** Real primitives; the capsule is random and its hash the key seed. */
export const fixtureTools: FileTools = {
  primitives: nativePrimitives,
  encapsulate: () => {
    const capsule = Uint8Array.from(randomBytes(105))
    return ok({ capsule, keySeed: seedOf(capsule) })
  },
}

export const fixtureLabel: EncryptionLabel = {
  owner: { cluster: unwrap(decodeClusterId("ab".repeat(32))), path: unwrap(decodeNodePath("/laptop")) },
  label: unwrap(decodeLabel("photos/2026")),
  epoch: unwrap(decodeEpoch(1)),
  labelKey: Uint8Array.from(Buffer.from(curve.getPublicKey("hex", "compressed"), "hex")),
}

/** Opens what {@link fixtureTools} encapsulated. */
export const fixtureKey: FileKeySource = async (header, headerDigest) => {
  using seed = seedOf(header.capsule)
  return deriveFileKey(nativePrimitives, seed, headerDigest)
}
