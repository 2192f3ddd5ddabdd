import { createHash } from "node:crypto"
import type { Attribute } from "pkcs11js"
import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { HeldKey, KeyBackendRefusal, NewKey } from "@keygrove/service"
import { CKA, CKK, CKO } from "./constants.ts"
import type { Handle } from "./cryptoki.ts"
import { returnValueOf } from "./failures.ts"
import type { KeyKind, PairKind } from "./key-kinds.ts"
import type { TokenSession } from "./token.ts"

type KeyName = Pick<HeldKey, "id" | "version">

/** Handles that are kept; beyond, all are forgotten and found again. */
const MAX_HANDLES = 2_048
/** What a token says of a curve that it does not know, or knows by another name. */
const CURVE_REFUSALS: readonly (string | undefined)[] = [
  "CKR_DOMAIN_PARAMS_INVALID",
  "CKR_CURVE_NOT_SUPPORTED",
  "CKR_ATTRIBUTE_VALUE_INVALID",
  "CKR_TEMPLATE_INCONSISTENT",
]

/**
 * The keys of one vault among a token's objects. Each has a CKA_ID that says whose it is: the vault's namespace (8 bytes) ‖ SHA-256 of id and version (24),
 * so that several nodes can share a token; the label is for people.
 */
export class TokenKeys {
  readonly #token: string
  readonly #namespace: Uint8Array

  constructor(token: string, namespace: Uint8Array) {
    if (namespace.length !== 8) throw new RangeError(`a namespace has 8 bytes, got ${namespace.length}`)
    this.#token = token
    this.#namespace = namespace
  }

  /** The object that does the key's work; it has the public part that its record tells. */
  find(session: TokenSession, key: HeldKey, kind: KeyKind): Result<Handle, "PKCS11_KEY_MISSING"> {
    const name = this.#nameOf(key)
    const known = session.objects.get(name)
    if (known !== undefined) return ok(known)
    const [handle] = this.#objects(session, key, kind.kind === "pair" ? CKO.PRIVATE_KEY : CKO.SECRET_KEY)
    const isIt =
      handle !== undefined && (kind.kind === "secret" || equalBytes(this.#publicKey(session, key, kind) ?? key.publicKey, key.publicKey))
    if (handle === undefined || !isIt) {
      const what = handle === undefined ? "does not have" : "has another key in the place of"
      return refuse(
        "PKCS11_KEY_MISSING",
        `the token ${this.#token} ${what} version ${key.version} of ${key.id}; insert the one that does, or destroy the key if it is lost`,
      )
    }
    if (session.objects.size >= MAX_HANDLES) session.objects.clear()
    session.objects.set(name, handle)
    return ok(handle)
  }

  /** The public part of a version that the token has already; `undefined` when it has none. */
  known(session: TokenSession, key: NewKey, kind: KeyKind): Result<Uint8Array | undefined, KeyBackendRefusal> {
    const [handle] = [CKO.PRIVATE_KEY, CKO.SECRET_KEY].flatMap((objects) => this.#objects(session, key, objects))
    if (handle === undefined) return ok(undefined)
    const publicKey = kind.kind === "pair" ? this.#publicKey(session, key, kind) : new Uint8Array(0)
    const isOfKind = kind.kind === "pair" || this.#objects(session, key, CKO.SECRET_KEY).length > 0
    if (publicKey !== undefined && isOfKind && isKept(session, handle)) return ok(publicKey)
    return refuse(
      "PKCS11_FAILED",
      `the token ${this.#token} has another object in the place of ${key.id}; remove it with the token's own tools, label "${labelOf(key)}"`,
    )
  }

  /** Has a key made in the token: sensitive, never extractable, and for what its type does only, which SoftHSM would not see to by itself. */
  async make(session: TokenSession, key: NewKey, kind: KeyKind): Promise<Result<Uint8Array, KeyBackendRefusal>> {
    const mechanism = kind.generators.find((each) => session.mechanisms.has(each)) ?? 0
    const common: Attribute[] = [
      { type: CKA.TOKEN, value: true },
      { type: CKA.ID, value: this.#idOf(key) },
      { type: CKA.LABEL, value: labelOf(key) },
    ]
    const closed: Attribute[] = [
      ...common,
      { type: CKA.PRIVATE, value: true },
      { type: CKA.SENSITIVE, value: true },
      { type: CKA.EXTRACTABLE, value: false },
      { type: CKA.UNWRAP, value: false },
    ]
    if (kind.kind === "pair") await this.#makePair(session, { kind, mechanism, common, closed })
    else
      await session.cryptoki.C_GenerateKeyAsync(session.handle, { mechanism }, [
        ...closed,
        { type: CKA.CLASS, value: CKO.SECRET_KEY },
        { type: CKA.KEY_TYPE, value: CKK.AES },
        { type: CKA.VALUE_LEN, value: 32 },
        { type: CKA.ENCRYPT, value: true },
        { type: CKA.DECRYPT, value: true },
        { type: CKA.WRAP, value: false },
      ])
    const made = this.known(session, key, kind)
    if (made.ok && made.value !== undefined) return ok(made.value)
    this.remove(session, key)
    return refuse("PKCS11_FAILED", `the token ${this.#token} made a key that could leave it, or none; nothing of it is kept`)
  }

  /** Removes every object of a version. */
  remove(session: TokenSession, key: KeyName): void {
    session.objects.delete(this.#nameOf(key))
    for (const objects of [CKO.PRIVATE_KEY, CKO.SECRET_KEY, CKO.PUBLIC_KEY])
      for (const handle of this.#objects(session, key, objects)) session.cryptoki.C_DestroyObject(session.handle, handle)
  }

  async #makePair(
    { cryptoki, handle }: TokenSession,
    made: {
      readonly kind: PairKind
      readonly mechanism: number
      readonly common: readonly Attribute[]
      readonly closed: readonly Attribute[]
    },
  ): Promise<void> {
    const { closed, common, kind, mechanism } = made
    for (const [index, curve] of kind.curves.entries()) {
      const open: Attribute[] = [
        ...common,
        { type: CKA.EC_PARAMS, value: curve },
        { type: CKA.VERIFY, value: kind.uses.some(({ type, value }) => type === CKA.SIGN && value === true) },
        { type: CKA.ENCRYPT, value: false },
        { type: CKA.WRAP, value: false },
      ]
      try {
        await cryptoki.C_GenerateKeyPairAsync(handle, { mechanism }, open, [...closed, { type: CKA.DECRYPT, value: false }, ...kind.uses])
        return
      } catch (error) {
        if (index === kind.curves.length - 1 || !CURVE_REFUSALS.includes(returnValueOf(error))) throw error
      }
    }
  }

  #publicKey(session: TokenSession, key: KeyName, kind: PairKind): Uint8Array | undefined {
    const [handle] = this.#objects(session, key, CKO.PUBLIC_KEY)
    if (handle === undefined) return undefined
    const [params, point] = session.cryptoki.C_GetAttributeValue(session.handle, handle, [{ type: CKA.EC_PARAMS }, { type: CKA.EC_POINT }])
    if (params === undefined || point === undefined || !kind.curves.some((curve) => curve.equals(params.value))) return undefined
    return kind.publicKey(point.value)
  }

  #objects({ cryptoki, handle }: TokenSession, key: KeyName, objects: number): readonly Handle[] {
    cryptoki.C_FindObjectsInit(handle, [
      { type: CKA.TOKEN, value: true },
      { type: CKA.CLASS, value: objects },
      { type: CKA.ID, value: this.#idOf(key) },
    ])
    try {
      return cryptoki.C_FindObjects(handle, 8)
    } finally {
      cryptoki.C_FindObjectsFinal(handle)
    }
  }

  /** No other vault's, nor another key's. */
  #nameOf({ id, version }: KeyName): string {
    return `${Buffer.from(this.#namespace).toString("hex")}:${id}:${version}`
  }

  #idOf({ id, version }: KeyName): Buffer {
    // No id has a colon.
    const hash = createHash("sha256").update(`${id}:${version}`).digest()
    return Buffer.concat([this.#namespace, hash.subarray(0, 24)])
  }
}

function labelOf({ id, version }: KeyName): string {
  return `keygrove ${id} ${version}`
}

/** Whether an object can never leave the token. */
function isKept({ cryptoki, handle }: TokenSession, object: Handle): boolean {
  const [sensitive, extractable] = cryptoki.C_GetAttributeValue(handle, object, [{ type: CKA.SENSITIVE }, { type: CKA.EXTRACTABLE }])
  return sensitive?.value[0] === 1 && extractable?.value[0] === 0
}
