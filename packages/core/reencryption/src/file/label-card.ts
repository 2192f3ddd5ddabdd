import { brandShape, checkShape, decodeCanonical, encodeCanonical, ok, refuse, type Result } from "@keygrove/base"
import {
  clusterBytes,
  compressedPointShape,
  decodeCheckedText,
  decodeClusterBytes,
  decodeEpoch,
  decodeNodePath,
  encodeCheckedText,
  type Epoch,
  type NodeReference,
} from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeLabel, type Label } from "./label.ts"

/** What others encrypt to a label with, as its owner hands it out: `kgl1…`. Public, and believed as far as whoever gave it is: nothing in it is signed. */
export interface LabelCard {
  readonly owner: NodeReference
  readonly label: Label
  /** Epoch of the owner that the key belongs to. */
  readonly epoch: Epoch
  /** secp256k1, 33 bytes. */
  readonly labelKey: Uint8Array
}

/** Most characters of a card that is looked at; the longest, with the longest path and label, has 767. */
export const MAX_LABEL_CARD_CHARACTERS = 1_024

const PREFIX = "kgl"
const VERSION = 1
const MAX_PAYLOAD_BYTES = 640

const shape = v.strictTuple([
  v.literal(VERSION),
  brandShape(decodeClusterBytes),
  brandShape(decodeNodePath),
  brandShape(decodeLabel),
  brandShape(decodeEpoch),
  compressedPointShape(),
])

/** `kgl1…`: bech32m (BIP 350, without its 90-character limit) of canonical CBOR [1, cluster, path, label, epoch, labelKey]. */
export function encodeLabelCard({ epoch, label, labelKey, owner }: LabelCard): string {
  return encodeCheckedText(PREFIX, encodeCanonical([VERSION, clusterBytes(owner.cluster), owner.path, label, epoch, labelKey]))
}

/** Strict inverse of {@link encodeLabelCard}. Whether the key is a point of the curve is checked by whoever encrypts with it. */
export function decodeLabelCard(text: string): Result<LabelCard, "LABEL_CARD_INVALID"> {
  if (text.length > MAX_LABEL_CARD_CHARACTERS || !text.startsWith("kgl1"))
    return refuse(
      "LABEL_CARD_INVALID",
      "a label's card is kgl1… ; have its owner print it with `keygrove id --label LABEL`, and copy it whole",
    )
  const payload = decodeCheckedText(PREFIX, text)
  const decoded = payload === undefined ? undefined : decodeCanonical(payload, MAX_PAYLOAD_BYTES)
  if (decoded === undefined || !decoded.ok)
    return refuse("LABEL_CARD_INVALID", "the label's card has a typing error (checksum); copy it again from `keygrove id --label LABEL`")
  const checked = checkShape(decoded.value, { shape, code: "LABEL_CARD_INVALID", noun: "label's card" })
  if (!checked.ok) return checked
  const [, cluster, path, label, epoch, labelKey] = checked.value
  return ok({ owner: { cluster, path }, label, epoch, labelKey })
}
