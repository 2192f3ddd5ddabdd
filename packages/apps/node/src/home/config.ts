import { readFileSync } from "node:fs"
import { brandShape, ok, refuse, type Result, type Shape } from "@keygrove/base"
import { decodeKeyId, decodeKeyType, keyRulesShape, type KeyId, type KeyRules, type KeyType } from "@keygrove/keys"
import * as v from "valibot"
import { rpcUserShape, type RpcUser } from "../rpc/rpc-user.ts"
import { forgetVariable } from "./environment.ts"

/** A named key that must be there before the node serves. */
export interface ConfiguredKey {
  readonly id: KeyId
  readonly type: KeyType
  /**
   * `generate`, `derive`, `env:NAME` or `file:PATH` (relative to the home directory): where the secret comes from when the keystore does not have
   * the key yet. Without it the key must exist.
   */
  readonly from?: string
  /** For when it is registered; a key that exists keeps its own. */
  readonly rules?: KeyRules
}

/** Public settings of a node, `config.json`. */
export interface NodeConfig {
  readonly version: 1
  /** `embedded`, or the address of the node that hosts the ledger: /ip4/…/tcp/…/p2p/… */
  readonly ledger: string
  /** Where other nodes reach this one; port 0 is replaced by the one the system gave at the first start, so that it stays. */
  readonly listen: string
  /** TCP port of JSON-RPC on 127.0.0.1; 0 for none. */
  readonly rpcPort: number
  /** Path of the key file that unlocks the keystore instead of a passphrase. */
  readonly keyFile?: string
  readonly keys?: readonly ConfiguredKey[]
  /** Programs that may call JSON-RPC without the cookie. */
  readonly rpcUsers?: readonly RpcUser[]
  /** Minutes without use after which the keystore is locked; never when missing. */
  readonly idleLockMinutes?: number
}

const VERSION = 1
const MAX_CONFIG_BYTES = 65_536
const MAX_KEYS = 1_000
const MAX_RPC_USERS = 64
/** A week. */
const MAX_IDLE_MINUTES = 10_080
const VARIABLE = /^env:([A-Za-z_][A-Za-z0-9_]{0,254})$/

const keyShape: Shape<ConfiguredKey> = v.strictObject({
  id: brandShape(decodeKeyId),
  type: brandShape(decodeKeyType),
  from: v.exactOptional(v.pipe(v.string(), v.maxLength(4_096), v.regex(/^(?:generate|derive|env:[A-Za-z_][A-Za-z0-9_]{0,254}|file:.+)$/s))),
  rules: v.exactOptional(keyRulesShape),
})

const shape: Shape<NodeConfig> = v.strictObject({
  version: v.literal(VERSION),
  ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  listen: v.pipe(v.string(), v.maxLength(256), v.regex(/^\/\S+$/)),
  rpcPort: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(65_535)),
  keyFile: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
  keys: v.exactOptional(v.pipe(v.array(keyShape), v.maxLength(MAX_KEYS))),
  rpcUsers: v.exactOptional(v.pipe(v.array(rpcUserShape), v.maxLength(MAX_RPC_USERS))),
  idleLockMinutes: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_IDLE_MINUTES))),
})

/** Reads and checks `config.json`. */
export function readConfig(path: string): Result<NodeConfig, "CONFIG_INVALID" | "HOME_VERSION"> {
  const value = parse(path)
  if (value === undefined)
    return refuse("CONFIG_INVALID", `${path} is not JSON of at most ${MAX_CONFIG_BYTES} bytes; restore it from a backup`)
  const version = versionOf(value)
  if (version !== undefined && version > VERSION)
    return refuse("HOME_VERSION", `${path} has version ${version}; this program knows ${VERSION}: update keygrove`, { version })
  const parsed = v.safeParse(shape, value, { abortEarly: true })
  if (parsed.success) return checkNames(path, parsed.output)
  const [issue] = parsed.issues
  return refuse("CONFIG_INVALID", `${path}: "${v.getDotPath(issue) ?? "value"}" is missing, unknown or out of range; correct it`)
}

/** The variable that a key of the configuration comes from. */
export function variableOf({ from }: ConfiguredKey): string | undefined {
  return VARIABLE.exec(from ?? "")?.[1]
}

/** Takes the variables with keys out of the environment of this process, which has handed them on to the one that reads them. */
export function forgetKeyVariables({ keys = [] }: NodeConfig): void {
  for (const key of keys) {
    const name = variableOf(key)
    if (name !== undefined) forgetVariable(name)
  }
}

/** The bytes of `config.json`. */
export function encodeConfig(config: NodeConfig): string {
  return `${JSON.stringify(config, undefined, 2)}\n`
}

/** Each key and each RPC user once, and each variable for one key: it is gone when it was read. */
function checkNames(path: string, config: NodeConfig): Result<NodeConfig, "CONFIG_INVALID"> {
  const { keys = [], rpcUsers = [] } = config
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ["keys", keys.map(({ id }) => id)],
    ["keys", keys.flatMap((key) => variableOf(key) ?? [])],
    ["rpcUsers", rpcUsers.map(({ name }) => name)],
  ]
  for (const [field, names] of lists) {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) return refuse("CONFIG_INVALID", `${path}: "${field}" names ${twice} twice; once is enough`)
  }
  return ok(config)
}

function parse(path: string): unknown {
  try {
    const text = readFileSync(path, "utf8")
    return text.length > MAX_CONFIG_BYTES ? undefined : JSON.parse(text)
  } catch {
    // Unreadable and malformed are the same to the person: the file has to be restored.
    return undefined
  }
}

function versionOf(value: unknown): number | undefined {
  return typeof value === "object" && value !== null && "version" in value && typeof value.version === "number" ? value.version : undefined
}
