import { bytesShape, brandShape, checkShape, decodeCanonical, encodeCanonical, refuse, Secret, ok, type Result } from "@keygrove/base"
import { deriveKey, type Primitives } from "@keygrove/crypto"
import {
  checkedTextLength,
  clusterBytes,
  decodeCheckedText,
  decodeClusterBytes,
  encodeCheckedText,
  type ClusterId,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import { meetingAddressesShape } from "./meeting-addresses.ts"

/** What one side shows and the other scans: whom to call, and the proof that it was seen. Good for one meeting; alone it authorises nothing. */
export interface MeetingCode {
  /** Fingerprint of the root's anchor of whoever shows it. */
  readonly cluster: ClusterId
  /** Ed25519 signing key of the node that shows it, 32 bytes. */
  readonly signingKey: Uint8Array
  /** Where that node is: 1 to 4 multiaddrs without the /p2p part. */
  readonly addresses: readonly string[]
  /** Random, 16 bytes. */
  readonly secret: Uint8Array
}

/** Bytes of {@link MeetingCode.secret}. */
export const MEETING_SECRET_BYTES = 16
/** Bytes of a meeting's id. */
export const MEETING_ID_BYTES = 16

const PREFIX = "kgmeet"
const VERSION = 1
const MAX_PAYLOAD_BYTES = 1_024

const shape = v.strictTuple([
  v.literal(VERSION),
  brandShape(decodeClusterBytes),
  bytesShape(32),
  meetingAddressesShape,
  bytesShape(MEETING_SECRET_BYTES),
])

/** The code's bytes, which both sides put into what they compare: canonical CBOR [1, cluster, signingKey, addresses, secret]. */
export function meetingCodeBytes({ addresses, cluster, secret, signingKey }: MeetingCode): Uint8Array {
  return encodeCanonical([VERSION, clusterBytes(cluster), signingKey, addresses, secret])
}

/** `kgmeet1…`: bech32m (BIP 350, without its limit of length) of {@link meetingCodeBytes}, lower case; the same in upper case suits the alphanumeric mode of QR codes. */
export function encodeMeetingCode(code: MeetingCode): string {
  return encodeCheckedText(PREFIX, meetingCodeBytes(code))
}

/** Inverse of {@link encodeMeetingCode}; takes either case, and white space where a terminal or a chat broke the line. */
export function decodeMeetingCode(text: string): Result<MeetingCode, "MEETING_CODE_INVALID"> {
  const plain = text.length > 2 * checkedTextLength(PREFIX, MAX_PAYLOAD_BYTES) ? "" : text.replaceAll(/\s+/g, "").toLowerCase()
  if (!plain.startsWith(`${PREFIX}1`) || plain.length > checkedTextLength(PREFIX, MAX_PAYLOAD_BYTES))
    return invalid("it does not begin with kgmeet1, or is too long")
  const payload = decodeCheckedText(PREFIX, plain)
  const decoded = payload === undefined ? undefined : decodeCanonical(payload, MAX_PAYLOAD_BYTES)
  if (decoded === undefined || !decoded.ok) return invalid("it has a typing error (checksum)")
  const checked = checkShape(decoded.value, { shape, code: "MEETING_CODE_INVALID", noun: "code of a meeting" })
  if (!checked.ok) return checked
  const [, cluster, signingKey, addresses, secret] = checked.value
  return ok({ cluster, signingKey, addresses, secret })
}

/** The id of a code's meeting, which messages carry in the open, 16 bytes, and the key under which they are proved to come from who saw the code; it is the caller's. */
export function openMeetingCode(
  primitives: Pick<Primitives, "hkdf">,
  code: MeetingCode,
): { readonly id: Uint8Array; readonly proofKey: Secret } {
  using secret = Secret.take(Uint8Array.from(code.secret))
  const place = [clusterBytes(code.cluster), code.signingKey] as const
  using id = deriveKey(primitives, secret, ["keygrove/v1/meet-id", ...place], MEETING_ID_BYTES)
  return {
    id: id.expose((bytes) => Uint8Array.from(bytes)),
    proofKey: deriveKey(primitives, secret, ["keygrove/v1/meet-key", ...place], 32),
  }
}

function invalid(why: string): Result<never, "MEETING_CODE_INVALID"> {
  return refuse("MEETING_CODE_INVALID", `the code cannot be used: ${why}; scan or copy it again from the other side`)
}
