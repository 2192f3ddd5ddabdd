import type { CborValue } from "@keygrove/base"
import { keyRulesValue, type OperatorSpec } from "@keygrove/keys"
import type { KeyMaterialSource, KeyRegistration } from "@keygrove/service"

/** A registration as it travels. */
export function registrationValue({ backend, exportable, id, rules, source, type }: KeyRegistration): Readonly<Record<string, CborValue>> {
  return {
    id,
    type,
    source: sourceValue(source),
    ...(backend === undefined ? {} : { backend }),
    ...(exportable === undefined ? {} : { exportable }),
    ...(rules === undefined ? {} : { rules: keyRulesValue(rules) }),
  }
}

function sourceValue(source: KeyMaterialSource): CborValue {
  switch (source.kind) {
    case "import":
      return { kind: source.kind, sealed: source.sealed }
    case "environment":
      return { kind: source.kind, name: source.name }
    case "file":
      return { kind: source.kind, path: source.path }
    default:
      return { kind: source.kind }
  }
}

/** An operator as it travels. */
export function operatorValue({ keys, name, output, perMinute, types }: OperatorSpec): CborValue {
  return {
    name,
    types: [...types],
    keys: [...keys],
    output: output.kind === "choice" ? { kind: output.kind, names: [...output.names] } : { ...output },
    ...(perMinute === undefined ? {} : { perMinute }),
  }
}
