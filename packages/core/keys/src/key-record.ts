import { brandShape, bytesWithinShape, checkShape, integerShape, ok, refuse, type CborValue, type Result } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import { decodeKeyBackend, DEFAULT_KEY_BACKEND } from "./key-backend-name.ts"
import { MAX_KEY_VERSIONS, type KeyEntry } from "./key-entry.ts"
import { decodeKeyId } from "./key-id.ts"
import { keyRulesShape, keyRulesValue } from "./key-rules.ts"
import { decodeKeyType, keyTypeTraits } from "./key-type.ts"

const versionShape = v.strictObject({
  version: integerShape(1, MAX_KEY_VERSIONS),
  state: v.picklist(["enabled", "disabled", "destroyed"]),
  createdAt: brandShape(decodeTimestamp),
  publicKey: bytesWithinShape(0, 48),
})
const entryShape = v.strictObject({
  id: brandShape(decodeKeyId),
  type: brandShape(decodeKeyType),
  backend: v.exactOptional(brandShape(decodeKeyBackend)),
  source: v.picklist(["generated", "imported", "derived"]),
  exportable: v.boolean(),
  rules: keyRulesShape,
  versions: v.pipe(v.array(versionShape), v.minLength(1), v.maxLength(MAX_KEY_VERSIONS)),
})

/**
 * The public side of a key as it is stored and sent. The default backend goes without saying: so it was in records older than the choice, and there is
 * one form of each.
 */
export function keyEntryValue({ backend, exportable, id, rules, source, type, versions }: KeyEntry): CborValue {
  return {
    id,
    type,
    ...(backend === DEFAULT_KEY_BACKEND ? {} : { backend }),
    source,
    exportable,
    rules: keyRulesValue(rules),
    versions: versions.map(({ createdAt, publicKey, state, version }) => ({ version, state, createdAt, publicKey })),
  }
}

/** Strict inverse of {@link keyEntryValue}: versions count up from 1 and public keys have the length of their type. */
export function decodeKeyEntry(value: CborValue): Result<KeyEntry, "KEY_RECORD_INVALID"> {
  const checked = checkShape(value, { shape: entryShape, code: "KEY_RECORD_INVALID", noun: "key record" })
  if (!checked.ok) return checked
  const { publicBytes } = keyTypeTraits(checked.value.type)
  const wrong = checked.value.versions.findIndex(
    ({ publicKey, version }, index) => version !== index + 1 || publicKey.length !== publicBytes,
  )
  if (wrong >= 0) return refuse("KEY_RECORD_INVALID", `key record: version ${wrong + 1} has another number or length than it must`)
  const { backend, ...rest } = checked.value
  if (backend === DEFAULT_KEY_BACKEND) return refuse("KEY_RECORD_INVALID", `key record: the backend ${backend} is named and must not be`)
  return ok({ ...rest, backend: backend ?? DEFAULT_KEY_BACKEND })
}
