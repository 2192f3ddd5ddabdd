import { createHash } from "node:crypto"
import { ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type {
  AddedKey,
  ApiParams,
  AuditHeadFacts,
  AuditPage,
  KeyFacts,
  KeyPage,
  KeyVersionFacts,
  PublicKeyFacts,
  SignatureFacts,
  VerificationFacts,
} from "@keygrove/api"
import {
  decodeKeyId,
  decodeKeyType,
  KEY_TYPES,
  keyRulesShape,
  keyTypeTraits,
  OPEN_RULES,
  stateOf,
  type KeyEntry,
  type KeyId,
  type KeyRules,
  type KeyState,
  type KeyVersion,
  type SignatureAlgorithm,
} from "@keygrove/keys"
import { MAX_KEY_SLICE, type CallOptions, type KeyCall, type KeyMaterialSource, type NamedKeys } from "@keygrove/service"
import * as v from "valibot"

/** What the methods about named keys work on. */
export interface KeyMethodContext {
  readonly runtime: { readonly keystore: { readonly keys: NamedKeys } }
}

type KeyMethod = Extract<keyof ApiParams, `key.${string}` | `audit.${string}`>
type Handler<M extends KeyMethod> = (context: KeyMethodContext, params: ApiParams[M], options: CallOptions) => Promise<Result<unknown>>

const FINGERPRINT_DIGITS = 16

/** The methods about named keys: each is one call of the port, on behalf of the user whose node this is. */
export const keyHandlers: { readonly [M in KeyMethod]: Handler<M> } = {
  "key.add": add,
  "key.list": list,
  "key.public": publicKey,
  "key.sign": async ({ runtime }, { id, algorithm, message }, options) => {
    const key = decodeKeyId(id)
    if (!key.ok) return key
    const signed = await runtime.keystore.keys.sign({ id: key.value, message, ...algorithmOf(algorithm) }, callOf(options))
    if (!signed.ok) return signed
    const facts: SignatureFacts = { ...signed.value, signature: toBase64(signed.value.signature) }
    return ok(facts)
  },
  "key.verify": async ({ runtime }, { id, algorithm, message, signature }, options) => {
    const key = decodeKeyId(id)
    if (!key.ok) return key
    const verified = await runtime.keystore.keys.verify({ id: key.value, message, signature, ...algorithmOf(algorithm) }, callOf(options))
    if (!verified.ok) return verified
    const { version } = verified.value
    const facts: VerificationFacts = { valid: version !== undefined, version: version ?? null }
    return ok(facts)
  },
  "key.encrypt": async ({ runtime }, { id, ...order }, options) =>
    await withKey(id, async (key) => bytesAs("ciphertext", await runtime.keystore.keys.encrypt({ id: key, ...order }, callOf(options)))),
  "key.decrypt": async ({ runtime }, { id, ...order }, options) =>
    await withKey(id, async (key) => bytesAs("plaintext", await runtime.keystore.keys.decrypt({ id: key, ...order }, callOf(options)))),
  "key.agree": async ({ runtime }, { id, peer }, options) =>
    await withKey(id, async (key) => bytesAs("shared", await runtime.keystore.keys.agree({ id: key, peer }, callOf(options)))),
  "key.mac": async ({ runtime }, { id, ...order }, options) =>
    await withKey(id, async (key) => bytesAs("mac", await runtime.keystore.keys.mac({ id: key, ...order }, callOf(options)))),
  "key.derive": async ({ runtime }, { id, child, type }, options) => {
    const [parent, derived, checked] = [decodeKeyId(id), decodeKeyId(child), decodeKeyType(type)]
    if (!parent.ok) return parent
    if (!derived.ok) return derived
    if (!checked.ok) return checked
    const order = { id: parent.value, child: derived.value, type: checked.value }
    return factsOf(await runtime.keystore.keys.derive(order, callOf(options)))
  },
  "key.rotate": async ({ runtime }, { id }, options) =>
    await withKey(id, async (key) => factsOf(await runtime.keystore.keys.rotate(key, callOf(options)))),
  "key.enable": async (context, params, options) => await setState(context, { ...params, state: "enabled" }, options),
  "key.disable": async (context, params, options) => await setState(context, { ...params, state: "disabled" }, options),
  "key.destroy": async (context, params, options) => await setState(context, { ...params, state: "destroyed" }, options),
  "key.export": async ({ runtime }, { id, recipientKey }, options) =>
    await withKey(id, async (key) => bytesAs("sealed", await runtime.keystore.keys.exportKey({ id: key, recipientKey }, callOf(options)))),
  "audit.list": async ({ runtime }, { from, limit }, options) => {
    const events = await runtime.keystore.keys.audit({ from, limit }, callOf(options))
    if (!events.ok) return events
    const page: AuditPage = { events: events.value.map((event, offset) => ({ index: from + offset, ...event })) }
    return ok(page)
  },
  "audit.verify": async ({ runtime }, _params, options) => {
    const head = await runtime.keystore.keys.verifyAudit(callOf(options))
    if (!head.ok) return head
    const facts: AuditHeadFacts = { length: head.value.length, head: toHex(head.value.hash) }
    return ok(facts)
  },
}

/** Whoever holds the cookie is the user whose node this is: nobody else can read it. */
function callOf({ signal }: CallOptions): KeyCall {
  return { caller: `uid:${process.getuid?.() ?? 0}`, signal }
}

async function add({ runtime }: KeyMethodContext, params: ApiParams["key.add"], options: CallOptions): Promise<Result<AddedKey>> {
  const id = decodeKeyId(params.id)
  if (!id.ok) return id
  const type = decodeKeyType(params.type)
  if (!type.ok) return type
  const source = sourceOf(params)
  if (!source.ok) return source
  const rules = rulesOf(params.rules)
  if (!rules.ok) return rules
  const added = await runtime.keystore.keys.register(
    {
      id: id.value,
      type: type.value,
      source: source.value,
      ...(params.exportable === undefined ? {} : { exportable: params.exportable }),
      rules: rules.value,
    },
    callOf(options),
  )
  return added.ok ? ok({ ...keyFacts(added.value.entry), created: added.value.created }) : added
}

function sourceOf({ from = "generate", path, sealed }: ApiParams["key.add"]): Result<KeyMaterialSource, "RPC_PARAMS_INVALID"> {
  if (sealed !== undefined && from !== "import") return unfit("sealed", 'is for "from": "import" only')
  if (path !== undefined && from !== "file") return unfit("path", 'is for "from": "file" only')
  switch (from) {
    case "import":
      return sealed === undefined ? unfit("sealed", 'is missing: "from" is "import"') : ok({ kind: "import", sealed })
    case "file":
      // The keystore process has a working directory of its own.
      return path?.startsWith("/") === true ? ok({ kind: "file", path }) : unfit("path", "must be an absolute path")
    default:
      return ok({ kind: from })
  }
}

function rulesOf(rules: unknown): Result<KeyRules, "RPC_PARAMS_INVALID"> {
  if (rules === undefined) return ok(OPEN_RULES)
  const parsed = v.safeParse(keyRulesShape, rules, { abortEarly: true })
  if (parsed.success) return ok(parsed.output)
  // Where, and not what: what was received may be anything.
  return unfit("rules", `is not one: "${v.getDotPath(parsed.issues[0]) ?? "value"}" is missing, unknown or out of range; see rpc.discover`)
}

function unfit(name: string, why: string): Refusal<"RPC_PARAMS_INVALID"> {
  return refuse("RPC_PARAMS_INVALID", `the parameter "${name}" ${why}`, { name })
}

async function list({ runtime }: KeyMethodContext, params: ApiParams["key.list"], options: CallOptions): Promise<Result<KeyPage>> {
  const after = params.after === undefined ? ok(undefined) : decodeKeyId(params.after)
  if (!after.ok) return after
  const slice = { limit: params.limit ?? MAX_KEY_SLICE, ...(after.value === undefined ? {} : { after: after.value }) }
  const entries = await runtime.keystore.keys.list(slice, callOf(options))
  // Only an empty answer is the end: one with fewer keys than asked for was cut by its size.
  return entries.ok ? ok({ keys: entries.value.map(keyFacts), next: entries.value.at(-1)?.id ?? null }) : entries
}

async function publicKey(
  { runtime }: KeyMethodContext,
  params: ApiParams["key.public"],
  options: CallOptions,
): Promise<Result<PublicKeyFacts>> {
  const id = decodeKeyId(params.id)
  if (!id.ok) return id
  const entry = await runtime.keystore.keys.find(id.value, callOf(options))
  if (!entry.ok) return entry
  const { type, versions } = entry.value
  const version = params.version === undefined ? versions.at(-1) : versions.find((each) => each.version === params.version)
  if (version === undefined)
    return refuse("KEY_VERSION_UNKNOWN", `${id.value} has versions 1 to ${versions.length}, not ${params.version ?? 0}`)
  return ok({ id: id.value, type, ...versionFacts(version) })
}

async function setState(
  { runtime }: KeyMethodContext,
  { id, state, version }: ApiParams["key.enable"] & { readonly state: KeyState },
  options: CallOptions,
): Promise<Result<unknown>> {
  const change = { state, ...(version === undefined ? {} : { version }) }
  return await withKey(id, async (key) => factsOf(await runtime.keystore.keys.setState(key, change, callOf(options))))
}

async function withKey(id: string, work: (key: KeyId) => Promise<Result<unknown>>): Promise<Result<unknown>> {
  const key = decodeKeyId(id)
  return key.ok ? await work(key.value) : key
}

/** The interface admits only algorithms that some type has. */
function algorithmOf(asked: string | undefined): { readonly algorithm?: SignatureAlgorithm } {
  const algorithm = KEY_TYPES.flatMap((type) => keyTypeTraits(type).signatures).find((each) => each === asked)
  return algorithm === undefined ? {} : { algorithm }
}

function factsOf(entry: Result<KeyEntry>): Result<KeyFacts> {
  return entry.ok ? ok(keyFacts(entry.value)) : entry
}

function keyFacts(entry: KeyEntry): KeyFacts {
  const { exportable, id, rules, source, type, versions } = entry
  return { id, type, state: stateOf(entry), source, exportable, rules, versions: versions.map(versionFacts) }
}

function versionFacts({ createdAt, publicKey: bytes, state, version }: KeyVersion): KeyVersionFacts {
  const hasPublic = bytes.length > 0
  return {
    version,
    state,
    createdAt,
    publicKey: hasPublic ? toBase64(bytes) : null,
    fingerprint: hasPublic ? createHash("sha256").update(bytes).digest("hex").slice(0, FINGERPRINT_DIGITS) : null,
  }
}

function bytesAs(name: string, answer: Result<Uint8Array>): Result<Readonly<Record<string, string>>> {
  return answer.ok ? ok({ [name]: toBase64(answer.value) }) : answer
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
}
