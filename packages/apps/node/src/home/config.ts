import { closeSync, openSync, readSync } from "node:fs"
import { ok, refuse, type Result, type Shape } from "@keygrove/base"
import { MAX_OPERATORS, operatorSettingShape, type OperatorSetting } from "@keygrove/keys"
import type { AdmittedPeers } from "@keygrove/service"
import * as v from "valibot"
import { rpcUserShape, type RpcUser } from "../rpc/rpc-user.ts"
import {
  configuredKeyShape,
  configuredTokenShape,
  misfitOf,
  variableOf,
  type ConfiguredKey,
  type ConfiguredToken,
} from "./configured-key.ts"
import { forgetVariable } from "./environment.ts"
import { etcdSettingShape, misfitOfEtcd, type EtcdSetting } from "./etcd-setting.ts"
import { pieceWaitShape, type PieceWaitSetting } from "./piece-wait-setting.ts"

/** Public settings of a node, `config.json`. */
export interface NodeConfig {
  readonly version: 1
  /**
   * `embedded`, the address of the node that hosts the ledger (/ip4/…/tcp/…/p2p/…), where it is in etcd (etcd://HOST:PORT,…/PREFIX), or `copy`: what is in `ledger.db` and
   * nothing more.
   */
  readonly ledger: string
  /** Certificates and user for a ledger in etcd. */
  readonly etcd?: EtcdSetting
  /** Where other nodes reach this one; port 0 is replaced by the one the system gave at the first start, so that it stays. */
  readonly listen: string
  /** Whose nodes are answered: of all clusters on the ledger (`ledger`, also when missing), or of the own one and those that it trusts (`trusted`). */
  readonly peers?: AdmittedPeers
  /** TCP port of JSON-RPC on 127.0.0.1; 0 for none. */
  readonly rpcPort: number
  /** Path of the key file that unlocks the keystore instead of a passphrase. */
  readonly keyFile?: string
  /** `pieces`: peers unlock the node when it starts; `delegated`: a grant of another node's label does. {@link keyFile} or a passphrase does when it is told so. */
  readonly unlock?: "pieces" | "delegated"
  /** Where this machine's TPM is, as tpm2-tools name it, when that is not `device:/dev/tpmrm0`. */
  readonly tpm?: { readonly tcti: string }
  /** How long it waits for other members in the work of key pieces. */
  readonly pieceWaits?: PieceWaitSetting
  readonly keys?: readonly ConfiguredKey[]
  /** What holds keys of the backend `pkcs11`. */
  readonly pkcs11?: ConfiguredToken
  /** Functions that may be run on keys. */
  readonly operators?: readonly OperatorSetting[]
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

const shape: Shape<NodeConfig> = v.strictObject({
  version: v.literal(VERSION),
  ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  etcd: v.exactOptional(etcdSettingShape),
  listen: v.pipe(v.string(), v.maxLength(256), v.regex(/^\/\S+$/)),
  peers: v.exactOptional(v.picklist(["ledger", "trusted"])),
  rpcPort: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(65_535)),
  keyFile: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
  unlock: v.exactOptional(v.picklist(["pieces", "delegated"])),
  tpm: v.exactOptional(v.strictObject({ tcti: v.pipe(v.string(), v.maxLength(512), v.regex(/^[!-~]+$/)) })),
  pieceWaits: v.exactOptional(pieceWaitShape),
  keys: v.exactOptional(v.pipe(v.array(configuredKeyShape), v.maxLength(MAX_KEYS))),
  pkcs11: v.exactOptional(configuredTokenShape),
  operators: v.exactOptional(v.pipe(v.array(operatorSettingShape), v.maxLength(MAX_OPERATORS))),
  rpcUsers: v.exactOptional(v.pipe(v.array(rpcUserShape), v.maxLength(MAX_RPC_USERS))),
  idleLockMinutes: v.exactOptional(v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_IDLE_MINUTES))),
})

/** Reads and checks `config.json`. */
export function readConfig(path: string): Result<NodeConfig, "CONFIG_INVALID" | "HOME_VERSION"> {
  return decodeConfig(path, readText(path) ?? "")
}

/** Checks the text of a `config.json`; `path` is for the messages. */
export function decodeConfig(path: string, text: string): Result<NodeConfig, "CONFIG_INVALID" | "HOME_VERSION"> {
  const value = parse(text)
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

/** Each key, operator and RPC user once, and each variable for one key: it is gone when it was read. Each key from where its backend takes it. */
function checkNames(path: string, config: NodeConfig): Result<NodeConfig, "CONFIG_INVALID"> {
  const { keys = [], operators = [], rpcUsers = [] } = config
  const lists: readonly (readonly [string, readonly string[]])[] = [
    ["keys", keys.map(({ id }) => id)],
    ["keys", keys.flatMap((key) => variableOf(key) ?? [])],
    ["operators", operators.map(({ name }) => name)],
    ["rpcUsers", rpcUsers.map(({ name }) => name)],
  ]
  for (const [field, names] of lists) {
    const twice = names.find((name, index) => names.indexOf(name) !== index)
    if (twice !== undefined) return refuse("CONFIG_INVALID", `${path}: "${field}" names ${twice} twice; once is enough`)
  }
  const etcd = config.etcd === undefined ? undefined : misfitOfEtcd(config.etcd)
  if (etcd !== undefined) return refuse("CONFIG_INVALID", `${path}: "etcd": ${etcd}`)
  const misfit = keys.map((key) => misfitOf(key, config.pkcs11)).find((each) => each !== undefined)
  return misfit === undefined ? ok(config) : refuse(misfit.code, `${path}: ${misfit.message}`)
}

/** The text of a file that is not too long; `undefined` when it cannot be read, which to the person is the same as malformed: it has to be restored. */
function readText(path: string): string | undefined {
  const bytes = Buffer.alloc(MAX_CONFIG_BYTES + 1)
  try {
    const descriptor = openSync(path, "r")
    try {
      let length = 0
      for (let count = -1; count !== 0 && length < bytes.length; length += count) count = readSync(descriptor, bytes, { offset: length })
      return length > MAX_CONFIG_BYTES ? undefined : bytes.toString("utf8", 0, length)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}

function parse(text: string): unknown {
  try {
    return text.length > MAX_CONFIG_BYTES ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function versionOf(value: unknown): number | undefined {
  return typeof value === "object" && value !== null && "version" in value && typeof value.version === "number" ? value.version : undefined
}
