import { ECDH } from "node:crypto"
import { concatBytes } from "@keygrove/base"
import { mayUse, stateOf, type KeyEntry, type KeyId, type SignatureAlgorithm } from "@keygrove/keys"
import { mpint, sshString } from "./ssh-data.ts"
import type { AgentIdentity } from "./agent-codec.ts"

/** Who the agent is to the rules of keys. */
export const AGENT_CALLER = "ssh-agent"

const NISTP256 = "nistp256"
const SCALAR_BYTES = 32

/** A key that the agent offers. */
export interface SshIdentity extends AgentIdentity {
  readonly id: KeyId
  /** The version whose public key this is. */
  readonly version: number
  readonly algorithm: SignatureAlgorithm
  /** Whether a person must agree to each signature. */
  readonly isConfirmed: boolean
}

/** What the agent offers of a key: its newest version, when it is enabled, of a type that ssh knows, and its rules let the agent sign with it. */
export function identityOf(entry: KeyEntry): SshIdentity | undefined {
  const newest = entry.versions.at(-1)
  if (newest === undefined || stateOf(entry) !== "enabled") return undefined
  if (!mayUse(entry.id, entry.rules, { caller: AGENT_CALLER, operation: "sign", isConfirmed: true }).ok) return undefined
  const offered = { id: entry.id, comment: entry.id, version: newest.version, isConfirmed: entry.rules.confirm === true }
  if (entry.type === "ed25519") {
    const blob = concatBytes(sshString("ssh-ed25519"), sshString(newest.publicKey))
    return { ...offered, blob, algorithm: "ed25519" }
  }
  if (entry.type !== "p256") return undefined
  const blob = concatBytes(sshString(`ecdsa-sha2-${NISTP256}`), sshString(NISTP256), sshString(uncompressed(newest.publicKey)))
  return { ...offered, blob, algorithm: "ecdsa-sha256" }
}

/** A signature in the encoding of RFC 8709 §6 (ed25519) or RFC 5656 §3.1.2 (ecdsa). */
export function signatureBlob({ algorithm }: SshIdentity, signature: Uint8Array): Uint8Array {
  if (algorithm === "ed25519") return concatBytes(sshString("ssh-ed25519"), sshString(signature))
  const [r, s] = [signature.subarray(0, SCALAR_BYTES), signature.subarray(SCALAR_BYTES)]
  return concatBytes(sshString(`ecdsa-sha2-${NISTP256}`), sshString(concatBytes(mpint(r), mpint(s))))
}

/** ssh has uncompressed points only (RFC 5656 §3.1). */
function uncompressed(point: Uint8Array): Uint8Array {
  const converted = ECDH.convertKey(point, "prime256v1", undefined, undefined, "uncompressed")
  if (typeof converted === "string") throw new TypeError("asked for bytes")
  return Uint8Array.from(converted)
}
