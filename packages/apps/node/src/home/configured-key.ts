import { brandShape, refuse, type Refusal, type Shape } from "@keygrove/base"
import {
  decodeKeyBackend,
  decodeKeyId,
  decodeKeyType,
  keyRulesShape,
  type KeyBackendName,
  type KeyId,
  type KeyRules,
  type KeyType,
} from "@keygrove/keys"
import * as v from "valibot"

/** A named key that must be there before the node serves. */
export interface ConfiguredKey {
  readonly id: KeyId
  readonly type: KeyType
  /**
   * `generate`, `derive`, `env:NAME` or `file:PATH` (relative to the home directory): where the secret comes from when the keystore does not have
   * the key yet. Without it the key must exist.
   */
  readonly from?: string
  /** What holds it, `sealed` when it is made and nothing is said. A `preload` one is in memory only, and made again from its source at each start. */
  readonly backend?: KeyBackendName
  /** For when it is registered; a key that exists keeps its own. */
  readonly rules?: KeyRules
}

/** The token that holds the keys of the backend `pkcs11`. Paths are relative to the home directory. */
export interface ConfiguredToken {
  /** Shared library of the token's maker. */
  readonly module: string
  /** Label of the token. */
  readonly token: string
  /** File with the user PIN, which only its owner may read. */
  readonly pinFile: string
}

const VARIABLE = /^env:([A-Za-z_][A-Za-z0-9_]{0,254})$/
const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))

/** Shape of {@link ConfiguredKey}. */
export const configuredKeyShape: Shape<ConfiguredKey> = v.strictObject({
  id: brandShape(decodeKeyId),
  type: brandShape(decodeKeyType),
  from: v.exactOptional(v.pipe(v.string(), v.maxLength(4_096), v.regex(/^(?:generate|derive|env:[A-Za-z_][A-Za-z0-9_]{0,254}|file:.+)$/s))),
  backend: v.exactOptional(brandShape(decodeKeyBackend)),
  rules: v.exactOptional(keyRulesShape),
})

/** Shape of {@link ConfiguredToken}. A token keeps 32 bytes of a label. */
export const configuredTokenShape: Shape<ConfiguredToken> = v.strictObject({
  module: path,
  token: v.pipe(v.string(), v.minLength(1), v.maxBytes(32)),
  pinFile: path,
})

/** The variable that a key of the configuration comes from. */
export function variableOf({ from }: ConfiguredKey): string | undefined {
  return VARIABLE.exec(from ?? "")?.[1]
}

/** What keeps a key from coming from where its backend takes it; `undefined` when nothing does. */
export function misfitOf({ backend, from, id }: ConfiguredKey, token: ConfiguredToken | undefined): Refusal<"CONFIG_INVALID"> | undefined {
  if (backend === "preload" && (from === undefined || from === "generate"))
    return refuse("CONFIG_INVALID", `the key ${id} is preloaded, which needs "from": "file:…", "env:…" or "derive"`)
  if (backend === "pkcs11" && from !== undefined && from !== "generate")
    return refuse("CONFIG_INVALID", `the key ${id} is made in the token, so that its "from" is "generate" or nothing`)
  if (backend === "pkcs11" && token === undefined)
    return refuse("CONFIG_INVALID", `the key ${id} needs "pkcs11": {"module": "…", "token": "…", "pinFile": "…"} beside "keys"`)
  return undefined
}
