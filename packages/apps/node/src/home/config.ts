import { readFileSync } from "node:fs"
import { ok, refuse, type Result, type Shape } from "@keygrove/base"
import * as v from "valibot"

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
}

const VERSION = 1
const MAX_CONFIG_BYTES = 65_536

const shape: Shape<NodeConfig> = v.strictObject({
  version: v.literal(VERSION),
  ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  listen: v.pipe(v.string(), v.maxLength(256), v.regex(/^\/\S+$/)),
  rpcPort: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(65_535)),
  keyFile: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
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
  if (parsed.success) return ok(parsed.output)
  const [issue] = parsed.issues
  return refuse("CONFIG_INVALID", `${path}: "${v.getDotPath(issue) ?? "value"}" is missing, unknown or out of range; correct it`)
}

/** The bytes of `config.json`. */
export function encodeConfig(config: NodeConfig): string {
  return `${JSON.stringify(config, undefined, 2)}\n`
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
