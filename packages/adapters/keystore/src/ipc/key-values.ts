import type { CborValue } from "@keygrove/base"
import { keyRulesValue } from "@keygrove/keys"
import type { KeyMaterialSource, KeyRegistration } from "@keygrove/service"

/** A registration as it travels. */
export function registrationValue({ exportable, id, rules, source, type }: KeyRegistration): Readonly<Record<string, CborValue>> {
  return {
    id,
    type,
    source: sourceValue(source),
    ...(exportable === undefined ? {} : { exportable }),
    ...(rules === undefined ? {} : { rules: keyRulesValue(rules) }),
  }
}

function sourceValue(source: KeyMaterialSource): CborValue {
  if (source.kind === "import") return { kind: source.kind, sealed: source.sealed }
  return source.kind === "file" ? { kind: source.kind, path: source.path } : { kind: source.kind }
}
