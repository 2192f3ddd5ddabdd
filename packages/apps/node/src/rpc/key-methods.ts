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
  OperatorList,
  OperatorResultFacts,
  PublicKeyFacts,
  SignatureFacts,
  VerificationFacts,
} from "@keygrove/api"
import {
  decodeKeyId,
  decodeKeyType,
  decodeOperatorName,
  DEFAULT_OPERATOR_RATE,
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
import { MAX_KEY_SLICE, type KeyCall, type KeyMaterialSource, type NamedKeys } from "@keygrove/service"
import * as v from "valibot"

/** What the methods about named keys work on. */
export interface KeyMethodContext {
  readonly runtime: { readonly keystore: { readonly keys: NamedKeys } }
}

type KeyMethod = Extract<keyof ApiParams, `key.${string}` | `audit.${string}`>
type Handler<M extends KeyMethod> = (context: KeyMethodContext, params: ApiParams[M], call: KeyCall) => Promise<Result<unknown>>

const FINGERPRINT_DIGITS = 16

/** The methods about named keys: each is one call of the port, on behalf of whoever asks. */
export const keyHandlers: { readonly [M in KeyMethod]: Handler<M> } = {
  "key.add": add,
  "key.list": list,
  "key.show": async ({ runtime }, { id }, call) => await withKey(id, async (key) => factsOf(await runtime.keystore.keys.find(key, call))),
  "key.public": publicKey,
  "key.sign": async ({ runtime }, { id, algorithm, message }, call) => {
    const key = decodeKeyId(id)
    if (!key.ok) return key
    const signed = await runtime.keystore.keys.sign({ id: key.value, message, ...algorithmOf(algorithm) }, call)
    if (!signed.ok) return signed
    const facts: SignatureFacts = { ...signed.value, signature: toBase64(signed.value.signature) }
    return ok(facts)
  },
  "key.verify": async ({ runtime }, { id, algorithm, message, signature }, call) => {
    const key = decodeKeyId(id)
    if (!key.ok) return key
    const verified = await runtime.keystore.keys.verify({ id: key.value, message, signature, ...algorithmOf(algorithm) }, call)
    if (!verified.ok) return verified
    const { version } = verified.value
    const facts: VerificationFacts = { valid: version !== undefined, version: version ?? null }
    return ok(facts)
  },
  "key.encrypt": async ({ runtime }, { id, ...order }, call) =>
    await withKey(id, async (key) => bytesAs("ciphertext", await runtime.keystore.keys.encrypt({ id: key, ...order }, call))),
  "key.decrypt": async ({ runtime }, { id, ...order }, call) =>
    await withKey(id, async (key) => bytesAs("plaintext", await runtime.keystore.keys.decrypt({ id: key, ...order }, call))),
  "key.agree": async ({ runtime }, { id, peer }, call) =>
    await withKey(id, async (key) => bytesAs("shared", await runtime.keystore.keys.agree({ id: key, peer }, call))),
  "key.mac": async ({ runtime }, { id, ...order }, call) =>
    await withKey(id, async (key) => bytesAs("mac", await runtime.keystore.keys.mac({ id: key, ...order }, call))),
  "key.derive": async ({ runtime }, { id, child, type }, call) => {
    const [parent, derived, checked] = [decodeKeyId(id), decodeKeyId(child), decodeKeyType(type)]
    if (!parent.ok) return parent
    if (!derived.ok) return derived
    if (!checked.ok) return checked
    const order = { id: parent.value, child: derived.value, type: checked.value }
    return factsOf(await runtime.keystore.keys.derive(order, call))
  },
  "key.rotate": async ({ runtime }, { id }, call) =>
    await withKey(id, async (key) => factsOf(await runtime.keystore.keys.rotate(key, call))),
  "key.setRules": async ({ runtime }, { id, rules }, call) =>
    await withKey(id, async (key) => {
      const decoded = rulesOf(rules)
      return decoded.ok ? factsOf(await runtime.keystore.keys.setRules(key, decoded.value, call)) : decoded
    }),
  "key.operate": operate,
  "key.operators": async ({ runtime }, _params, call) => {
    const specs = await runtime.keystore.keys.operators(call)
    if (!specs.ok) return specs
    const list: OperatorList = { operators: specs.value.map((spec) => ({ ...spec, perMinute: spec.perMinute ?? DEFAULT_OPERATOR_RATE })) }
    return ok(list)
  },
  "key.enable": async (context, params, call) => await setState(context, { ...params, state: "enabled" }, call),
  "key.disable": async (context, params, call) => await setState(context, { ...params, state: "disabled" }, call),
  "key.destroy": async (context, params, call) => await setState(context, { ...params, state: "destroyed" }, call),
  "key.export": async ({ runtime }, { id, recipientKey }, call) =>
    await withKey(id, async (key) => bytesAs("sealed", await runtime.keystore.keys.exportKey({ id: key, recipientKey }, call))),
  "audit.list": async ({ runtime }, { from, limit }, call) => {
    const events = await runtime.keystore.keys.audit({ from, limit }, call)
    if (!events.ok) return events
    const page: AuditPage = { events: events.value.map((event, offset) => ({ index: from + offset, ...event })) }
    return ok(page)
  },
  "audit.verify": async ({ runtime }, _params, call) => {
    const head = await runtime.keystore.keys.verifyAudit(call)
    if (!head.ok) return head
    const facts: AuditHeadFacts = { length: head.value.length, head: toHex(head.value.hash) }
    return ok(facts)
  },
}

async function add({ runtime }: KeyMethodContext, params: ApiParams["key.add"], call: KeyCall): Promise<Result<AddedKey>> {
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
      ...(params.backend === undefined ? {} : { backend: params.backend }),
      ...(params.exportable === undefined ? {} : { exportable: params.exportable }),
      rules: rules.value,
    },
    call,
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

async function list({ runtime }: KeyMethodContext, params: ApiParams["key.list"], call: KeyCall): Promise<Result<KeyPage>> {
  const after = params.after === undefined ? ok(undefined) : decodeKeyId(params.after)
  if (!after.ok) return after
  const slice = { limit: params.limit ?? MAX_KEY_SLICE, ...(after.value === undefined ? {} : { after: after.value }) }
  const entries = await runtime.keystore.keys.list(slice, call)
  // Only an empty answer is the end: one with fewer keys than asked for was cut by its size.
  return entries.ok ? ok({ keys: entries.value.map(keyFacts), next: entries.value.at(-1)?.id ?? null }) : entries
}

async function publicKey({ runtime }: KeyMethodContext, params: ApiParams["key.public"], call: KeyCall): Promise<Result<PublicKeyFacts>> {
  const id = decodeKeyId(params.id)
  if (!id.ok) return id
  const entry = await runtime.keystore.keys.find(id.value, call)
  if (!entry.ok) return entry
  const { type, versions } = entry.value
  const version = params.version === undefined ? versions.at(-1) : versions.find((each) => each.version === params.version)
  if (version === undefined)
    return refuse("KEY_VERSION_UNKNOWN", `${id.value} has versions 1 to ${versions.length}, not ${params.version ?? 0}`)
  return ok({ id: id.value, type, ...versionFacts(version) })
}

async function operate(
  { runtime }: KeyMethodContext,
  { id, input = new Uint8Array(0), operator }: ApiParams["key.operate"],
  call: KeyCall,
): Promise<Result<OperatorResultFacts>> {
  const [key, name] = [decodeKeyId(id), decodeOperatorName(operator)]
  if (!key.ok) return key
  if (!name.ok) return name
  const given = await runtime.keystore.keys.operate({ id: key.value, operator: name.value, input }, call)
  if (!given.ok) return given
  const { value } = given
  return ok(value instanceof Uint8Array ? { digest: toBase64(value) } : { value })
}

async function setState(
  { runtime }: KeyMethodContext,
  { id, state, version }: ApiParams["key.enable"] & { readonly state: KeyState },
  call: KeyCall,
): Promise<Result<unknown>> {
  const change = { state, ...(version === undefined ? {} : { version }) }
  return await withKey(id, async (key) => factsOf(await runtime.keystore.keys.setState(key, change, call)))
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
  const { backend, exportable, id, rules, source, type, versions } = entry
  return { id, type, state: stateOf(entry), backend, source, exportable, rules, versions: versions.map(versionFacts) }
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
