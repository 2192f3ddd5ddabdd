import { createPublicKey, ECDH, generateKeyPairSync, sign, type KeyObject } from "node:crypto"
import { ok, refuse, unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import {
  decodeKeyId,
  mayUse,
  rotated,
  versionFor,
  withRules,
  withState,
  type KeyEntry,
  type KeyId,
  type KeyRules,
  type KeyState,
  type KeyType,
} from "@keygrove/keys"
import type { NamedKeys } from "@keygrove/service"
import type { SshAgentKeys } from "./identities.ts"

/** Named keys in memory with real signatures, judged as the keystore judges them. */
export class MemoryKeys implements SshAgentKeys {
  readonly #entries: Map<string, KeyEntry> = new Map()
  readonly #secrets: Map<string, KeyObject> = new Map()
  /** Callers that signed. */
  readonly callers: string[] = []
  /** Keys in one answer, as when their versions are many. */
  pageKeys = 500
  /** Called before each signature. */
  beforeSigning: (signal: AbortSignal) => Promise<void> = async () => await Promise.resolve()

  add(name: string, type: KeyType, rules: KeyRules = {}): KeyId {
    const id = unwrap(decodeKeyId(name))
    const publicKey = this.#generate(id, type, 1)
    const versions = [{ version: 1, state: "enabled", createdAt: unwrap(decodeTimestamp(1)), publicKey }] as const
    this.#entries.set(id, { id, type, backend: "sealed", source: "generated", exportable: false, rules, versions })
    return id
  }

  rotate(id: KeyId): void {
    const entry = this.#entry(id)
    const publicKey = this.#generate(id, entry.type, entry.versions.length + 1)
    this.#entries.set(id, unwrap(rotated(entry, { publicKey, createdAt: unwrap(decodeTimestamp(2)) })))
  }

  setState(id: KeyId, state: KeyState): void {
    this.#entries.set(id, unwrap(withState(this.#entry(id), state)))
  }

  setRules(id: KeyId, rules: KeyRules): void {
    this.#entries.set(id, unwrap(withRules(this.#entry(id), rules)))
  }

  readonly list: NamedKeys["list"] = async ({ after, limit }) => {
    if (limit > 500) throw new RangeError("limit over 500")
    const ids = [...this.#entries.keys()].toSorted().filter((id) => after === undefined || id > after)
    return await Promise.resolve(ok(ids.slice(0, Math.min(limit, this.pageKeys)).flatMap((id) => this.#entries.get(id) ?? [])))
  }

  readonly sign: NamedKeys["sign"] = async ({ algorithm, id, isConfirmed = false, message }, { caller, signal }) => {
    await this.beforeSigning(signal)
    signal.throwIfAborted()
    this.callers.push(caller)
    const entry = this.#entries.get(id)
    if (entry === undefined) return refuse("KEY_UNKNOWN", `no key ${id}`)
    const allowed = mayUse(id, entry.rules, { caller, operation: "sign", isConfirmed })
    if (!allowed.ok) return allowed
    const version = versionFor(entry, "sign")
    if (!version.ok) return version
    const key = this.#secrets.get(`${id} ${version.value.version}`)
    if (key === undefined || algorithm === undefined) throw new TypeError("no such secret or algorithm")
    const hash = algorithm === "ed25519" ? null : "sha256"
    const signature = Uint8Array.from(sign(hash, message, { key, dsaEncoding: "ieee-p1363" }))
    return ok({ signature, algorithm, version: version.value.version })
  }

  #entry(id: KeyId): KeyEntry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new RangeError(`no key ${id}`)
    return entry
  }

  /** Makes a secret; its public part as the keystore has it. */
  #generate(id: KeyId, type: KeyType, version: number): Uint8Array {
    const pair =
      type === "ed25519"
        ? generateKeyPairSync("ed25519")
        : generateKeyPairSync("ec", { namedCurve: type === "p256" ? "P-256" : "secp256k1" })
    this.#secrets.set(`${id} ${version}`, pair.privateKey)
    const info = createPublicKey(pair.privateKey).export({ format: "der", type: "spki" })
    if (type === "ed25519") return Uint8Array.from(info.subarray(-32))
    const curve = type === "p256" ? "prime256v1" : "secp256k1"
    const point = ECDH.convertKey(info.subarray(-65), curve, undefined, undefined, "compressed")
    if (typeof point === "string") throw new TypeError("asked for bytes")
    return Uint8Array.from(point)
  }
}
