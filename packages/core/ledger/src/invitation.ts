import {
  bytesShape,
  bytesWithinShape,
  decodeCanonical,
  checkShape,
  encodeCanonical,
  ok,
  refuse,
  type Refusal,
  type Result,
} from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { checkedTextLength, decodeCheckedText, encodeCheckedText, type NodeCertificate } from "@keygrove/hierarchy"
import * as v from "valibot"
import { verifyEntry, type Author } from "./entry.ts"
import { MAX_ENTRY_BYTES } from "./limits.ts"

/** A node secret on its way to a new child: sealed under a code that travels by another way, so that the invitation alone opens nothing. */
export interface SealedNodeSecret {
  /** Salt of Argon2id, 16 bytes. */
  readonly salt: Uint8Array
  readonly passes: number
  readonly memoryKib: number
  /** Of XChaCha20-Poly1305, 24 bytes. */
  readonly nonce: Uint8Array
  /** 32 bytes and their tag. */
  readonly sealed: Uint8Array
}

/** What a parent hands to a machine that is to become its child. */
export interface Invitation {
  /** The encoded ledger entry by which the parent certifies the child. */
  readonly certificate: Uint8Array
  /** Where the cluster's ledger is followed: /ip4/…/tcp/…/p2p/… */
  readonly ledger: string
  readonly secret: SealedNodeSecret
}

/** An invitation whose signatures hold. */
export interface VerifiedInvitation extends Invitation {
  /** The parent. */
  readonly author: Author
  readonly child: NodeCertificate
}

const PREFIX = "kginvite"
const VERSION = 1
const MAX_INVITATION_BYTES = 2_048
/** Longest text of an invitation. */
export const MAX_INVITATION_CHARACTERS: number = checkedTextLength(PREFIX, MAX_INVITATION_BYTES)
/** Longest address of a ledger. */
const MAX_LEDGER_CHARACTERS = 512

const shape = v.strictObject({
  v: v.literal(VERSION),
  certificate: bytesWithinShape(1, MAX_ENTRY_BYTES),
  ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_LEDGER_CHARACTERS)),
  salt: bytesShape(16),
  passes: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(64)),
  memoryKib: v.pipe(v.number(), v.safeInteger(), v.minValue(8), v.maxValue(2_097_152)),
  nonce: bytesShape(24),
  sealed: bytesShape(48),
  sig: bytesShape(64),
})

/** What is bound to the sealed secret: info("keygrove/v1/invitation-secret", certificate, ledger). */
export function invitationContext({ certificate, ledger }: Pick<Invitation, "certificate" | "ledger">): Uint8Array {
  return encodeInfo(["keygrove/v1/invitation-secret", certificate, ledger])
}

/** What the parent's anchor signs: info("keygrove/v1/invitation", certificate, ledger, salt, passes, memoryKib, nonce, sealed). */
export function invitationSignBytes({ certificate, ledger, secret }: Invitation): Uint8Array {
  const { memoryKib, nonce, passes, salt, sealed } = secret
  return encodeInfo(["keygrove/v1/invitation", certificate, ledger, salt, passes, memoryKib, nonce, sealed])
}

/** `kginvite1…`: bech32m (BIP 350, without its limit of length) of canonical CBOR, so that it fits a QR code and a typing error shows. */
export function encodeInvitation(invitation: Invitation & { readonly signature: Uint8Array }): string {
  const { certificate, ledger, secret, signature } = invitation
  const { memoryKib, nonce, passes, salt, sealed } = secret
  const payload = encodeCanonical({ v: VERSION, certificate, ledger, salt, passes, memoryKib, nonce, sealed, sig: signature })
  return encodeCheckedText(PREFIX, payload)
}

/** Strict inverse of {@link encodeInvitation}; checks both signatures of the parent, that of the certificate and that of the whole. */
export function openInvitation(primitives: Pick<Primitives, "ed25519">, text: string): Result<VerifiedInvitation, "INVITATION_INVALID"> {
  const trimmed = text.trim().toLowerCase()
  if (!trimmed.startsWith(`${PREFIX}1`) || trimmed.length > MAX_INVITATION_CHARACTERS)
    return invalid("it does not begin with kginvite1, or is too long")
  const payload = decodeCheckedText(PREFIX, trimmed)
  const decoded = payload === undefined ? undefined : decodeCanonical(payload, MAX_INVITATION_BYTES)
  if (decoded === undefined || !decoded.ok) return invalid("it has a typing error (checksum)")
  const checked = checkShape(decoded.value, { shape, code: "INVITATION_INVALID", noun: "invitation" })
  if (!checked.ok) return checked
  const { certificate, ledger, memoryKib, nonce, passes, salt, sealed, sig } = checked.value
  const invitation: Invitation = { certificate, ledger, secret: { salt, passes, memoryKib, nonce, sealed } }
  const entry = verifyEntry(primitives, certificate)
  if (!entry.ok || entry.value.statement?.kind !== "node") return invalid("it carries no certificate of a node")
  const { author, statement } = entry.value
  if (!primitives.ed25519.verify(author.key, invitationSignBytes(invitation), sig)) return invalid("its signature does not hold")
  return ok({ ...invitation, author, child: statement.body })
}

function invalid(why: string): Refusal<"INVITATION_INVALID"> {
  return refuse(
    "INVITATION_INVALID",
    `the invitation cannot be used: ${why}; copy it again, or have a new one made with \`keygrove node invite\``,
  )
}
