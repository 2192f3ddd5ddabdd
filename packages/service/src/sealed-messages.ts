import { wipeableCopy, type Result, type Secret } from "@keygrove/base"
import {
  decodeSealedMessage,
  encodeSealedMessage,
  sealedMessageInfo,
  sealedMessageSigningInput,
  type Ed25519,
  type SealedMessageContext,
} from "@keygrove/crypto"
import type { Sealing } from "./ports/sealing.ts"

export interface SealMessageTools {
  readonly sealing: Pick<Sealing, "seal">
  /** Signs with the Ed25519 key that the context names as sender; 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}

/**
 * Seals a secret to the recipient of the context and signs the result as its sender (core/crypto sealed message). The plaintext stays the caller's.
 * @returns the message, the plaintext and under 1 KiB more.
 */
export async function sealMessage(
  tools: SealMessageTools,
  parties: SealedMessageContext,
  plaintext: Secret,
): Promise<Result<Uint8Array, "SEAL_RECIPIENT_INVALID">> {
  // The port is asynchronous and a secret is not exposed across an await, so it gets a copy that is wiped here.
  const copy = wipeableCopy(plaintext)
  try {
    const sealed = await tools.sealing.seal(parties.recipient, copy, { info: sealedMessageInfo(parties) })
    if (!sealed.ok) return sealed
    const signature = tools.sign(sealedMessageSigningInput(parties, sealed.value))
    return { ok: true, value: encodeSealedMessage(parties, sealed.value, signature) }
  } finally {
    copy.fill(0)
  }
}

export interface OpenMessageTools {
  readonly sealing: Pick<Sealing, "open">
  readonly ed25519: Pick<Ed25519, "verify">
  /** X25519 secret key of the recipient; borrowed. */
  readonly secretKey: Secret
}

/** Checks a message against the context that the caller expects, then opens it. The plaintext belongs to the caller. */
export async function openMessage(
  tools: OpenMessageTools,
  expected: SealedMessageContext,
  message: Uint8Array,
): Promise<Result<Secret, "SEALED_MESSAGE_INVALID" | "SEAL_OPEN_FAILED">> {
  const sealed = decodeSealedMessage(tools.ed25519, message, expected)
  if (!sealed.ok) return sealed
  return await tools.sealing.open(tools.secretKey, sealed.value, { info: sealedMessageInfo(expected) })
}
