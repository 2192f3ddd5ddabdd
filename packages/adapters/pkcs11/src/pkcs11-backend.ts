import { createHash } from "node:crypto"
import { concatBytes, ok, refuse, Secret, type RandomBytes, type Refusal, type Result } from "@keygrove/base"
import type { CipherOrder, HeldKey, KeyBackend, KeyBackendRefusal, KeyBackendTraits, NewKey } from "@keygrove/service"
import { CKA, CKD_NULL, CKK, CKM, CKO, PARAMS } from "./constants.ts"
import type { Handle } from "./cryptoki.ts"
import { checkX25519Peer, expandPeer } from "./ec-points.ts"
import { returnValueOf } from "./failures.ts"
import { keyKindOf, missingMechanisms, type KeyKind } from "./key-kinds.ts"
import { withLowS } from "./low-s.ts"
import { TokenKeys } from "./token-keys.ts"
import type { Token, TokenSession } from "./token.ts"

/** What the backend works with. */
export interface Pkcs11Tools {
  readonly token: Token
  /** 8 bytes that tell the keys of this vault from those of others in the same token. */
  readonly namespace: Uint8Array
  readonly random: RandomBytes
}

type Answer<T> = Promise<Result<T, KeyBackendRefusal>>

const SIGNATURE_BYTES = 64
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** What tokens say when a tag does not hold; SoftHSM 2.6 has the last. */
const TAG_REFUSALS: readonly (string | undefined)[] = [
  "CKR_ENCRYPTED_DATA_INVALID",
  "CKR_ENCRYPTED_DATA_LEN_RANGE",
  "CKR_AEAD_DECRYPT_FAILED",
  "CKR_FUNCTION_FAILED",
  "CKR_GENERAL_ERROR",
]
const GCM_PARAMS_REFUSALS: readonly (string | undefined)[] = ["CKR_MECHANISM_PARAM_INVALID", "CKR_ARGUMENTS_BAD"]

/** Keys that a token makes, keeps and uses: nothing of a secret ever is in this process. */
export class Pkcs11Backend implements KeyBackend {
  readonly traits: KeyBackendTraits = { name: "pkcs11", takesSecrets: false, isOutside: true, isTransient: false }
  readonly #tools: Pkcs11Tools
  readonly #keys: TokenKeys
  /** Bytes that the module reads or writes on another thread; the binding does not keep them. */
  readonly #lent: Set<readonly Uint8Array[]> = new Set()
  /** Keys that are being made; a caller may have left the one that makes it. */
  readonly #making: Map<string, Promise<unknown>> = new Map()
  /** The form of GCM parameters that the module took last. */
  #gcm: number = PARAMS.GCM_WITH_BITS

  constructor(tools: Pkcs11Tools) {
    this.#tools = tools
    this.#keys = new TokenKeys(tools.token.label, tools.namespace)
  }

  create: KeyBackend["create"] = async (key, call) => {
    call.signal.throwIfAborted()
    const kind = keyKindOf(key.type)
    if (kind === undefined) return this.#unsupported(`no token has keys of type ${key.type}`)
    if (key.secret !== undefined) return this.#unsupported("keys are made in the token, and never brought into it")
    const made = await this.#tools.token.run("make a key", async (session) => await this.#makeOnce(session, key, kind), call)
    return made.ok ? ok({ publicKey: made.value, handle: new Uint8Array(0) }) : made
  }

  check: KeyBackend["check"] = async (key, call) => {
    call.signal.throwIfAborted()
    return await this.#use("find a key", key, call, async () => ok(true))
  }

  sign: KeyBackend["sign"] = async (key, { algorithm, message }, call) => {
    call.signal.throwIfAborted()
    if (algorithm === "bip340" || algorithm === "bls-g2") return this.#unsupported(`no token signs with ${algorithm}`)
    const mechanism = algorithm === "ed25519" ? CKM.EDDSA : CKM.ECDSA
    const data = algorithm === "ed25519" ? message : createHash("sha256").update(message).digest()
    return await this.#use("sign", key, call, async ({ cryptoki, handle }, object) => {
      cryptoki.C_SignInit(handle, { mechanism }, object)
      const out = Buffer.alloc(SIGNATURE_BYTES)
      const signature = await this.#lend([data, out], async (input) => await cryptoki.C_SignAsync(handle, input, out))
      if (signature.length !== SIGNATURE_BYTES)
        return refuse("PKCS11_FAILED", `the token gave a signature of ${signature.length} bytes; ${SIGNATURE_BYTES} were expected`)
      return ok(key.type === "secp256k1" ? withLowS(signature) : Uint8Array.from(signature))
    })
  }

  agree: KeyBackend["agree"] = async (key, peer, call) => {
    call.signal.throwIfAborted()
    const kind = keyKindOf(key.type)
    if (kind?.kind !== "pair" || key.type === "ed25519") return this.#unsupported(`a key of type ${key.type} does not agree`)
    const point = kind.curve === undefined ? checkX25519Peer(peer) : expandPeer(peer, kind.curve)
    if (!point.ok) return point
    const publicData = Buffer.from(point.value)
    return await this.#use("agree", key, call, async ({ cryptoki, handle }, object) => {
      // A secret of this one exchange, which the caller asks for: the only kind of object that may leave.
      const parameter = { type: PARAMS.ECDH1, kdf: CKD_NULL, publicData }
      const shared = await this.#lend(
        [publicData],
        async () =>
          await cryptoki.C_DeriveKeyAsync(handle, { mechanism: CKM.ECDH1_DERIVE, parameter }, object, [
            { type: CKA.CLASS, value: CKO.SECRET_KEY },
            { type: CKA.KEY_TYPE, value: CKK.GENERIC_SECRET },
            { type: CKA.TOKEN, value: false },
            { type: CKA.SENSITIVE, value: false },
            { type: CKA.EXTRACTABLE, value: true },
            { type: CKA.VALUE_LEN, value: 32 },
          ]),
      )
      try {
        const [attribute] = cryptoki.C_GetAttributeValue(handle, shared, [{ type: CKA.VALUE }])
        if (attribute?.value.length !== 32) return refuse("PKCS11_FAILED", "the token gave a shared secret that has not 32 bytes")
        return ok(Secret.take(attribute.value))
      } finally {
        cryptoki.C_DestroyObject(handle, shared)
      }
    })
  }

  encrypt: KeyBackend["encrypt"] = async (key, { associatedData, bytes }, call) => {
    call.signal.throwIfAborted()
    if (key.type !== "aes256") return this.#unsupported(`a key of type ${key.type} does not encrypt`)
    const iv = Buffer.from(this.#tools.random(NONCE_BYTES))
    return await this.#use("encrypt", key, call, async (session, object) => {
      const { cryptoki, handle } = session
      this.#withGcm({ iv, associatedData }, (parameter) => cryptoki.C_EncryptInit(handle, { mechanism: CKM.AES_GCM, parameter }, object))
      const out = Buffer.alloc(bytes.length + TAG_BYTES)
      const body = await this.#lend([bytes, out, iv, associatedData], async (input) => await cryptoki.C_EncryptAsync(handle, input, out))
      return ok(concatBytes(iv, body))
    })
  }

  decrypt: KeyBackend["decrypt"] = async (key, order, call) => {
    call.signal.throwIfAborted()
    if (key.type !== "aes256") return this.#unsupported(`a key of type ${key.type} does not decrypt`)
    if (order.bytes.length < NONCE_BYTES + TAG_BYTES) return changed("it is cut off")
    return await this.#use("decrypt", key, call, async (session, object) => await this.#decrypt(session, object, order))
  }

  mac: KeyBackend["mac"] = async (_key, _message, { signal }) => {
    signal.throwIfAborted()
    return this.#unsupported("no token computes HMAC-SHA-256 with an AES key; use a sealed key")
  }

  destroy: KeyBackend["destroy"] = async (key, call) => {
    call.signal.throwIfAborted()
    return await this.#tools.token.run(
      "remove a key",
      async (session) => {
        while (this.#making.has(nameOf(key))) await this.#making.get(nameOf(key))
        this.#keys.remove(session, key)
        return ok(true)
      },
      call,
    )
  }

  /** Makes a key unless the token has it; one at a time, so that it never has two of one name. */
  async #makeOnce(session: TokenSession, key: NewKey, kind: KeyKind): Answer<Uint8Array> {
    const name = nameOf(key)
    // Looked at again after each wait, and by nobody in between: who comes first of those that waited is the next.
    while (this.#making.has(name)) await this.#making.get(name)
    const making = this.#make(session, key, kind)
    const settled = making.then(
      () => undefined,
      () => undefined,
    )
    this.#making.set(name, settled)
    try {
      return await making
    } finally {
      this.#making.delete(name)
    }
  }

  async #make(session: TokenSession, key: NewKey, kind: KeyKind): Answer<Uint8Array> {
    const { label } = this.#tools.token
    const missing = missingMechanisms(kind, session.mechanisms)
    if (missing.length > 0) return this.#unsupported(`the token ${label} lacks ${missing.join(", ")}, which keys of type ${key.type} need`)
    const known = this.#keys.known(session, key, kind)
    if (!known.ok) return known
    return known.value === undefined ? await this.#keys.make(session, key, kind) : ok(known.value)
  }

  async #decrypt({ cryptoki, handle }: TokenSession, object: Handle, { associatedData, bytes }: CipherOrder): Answer<Uint8Array> {
    const iv = Buffer.from(bytes.subarray(0, NONCE_BYTES))
    this.#withGcm({ iv, associatedData }, (parameter) => cryptoki.C_DecryptInit(handle, { mechanism: CKM.AES_GCM, parameter }, object))
    const body = bytes.subarray(NONCE_BYTES)
    // Room for the tag too: some modules ask for as much as they were given.
    const out = Buffer.alloc(body.length)
    try {
      const plaintext = await this.#lend(
        [body, out, iv, associatedData],
        async (input) => await cryptoki.C_DecryptAsync(handle, input, out),
      )
      return ok(Uint8Array.from(plaintext))
    } catch (error) {
      if (!TAG_REFUSALS.includes(returnValueOf(error))) throw error
      throw new TagRefused()
    } finally {
      out.fill(0)
    }
  }

  /** One use of a key's object in a session. */
  async #use<T>(
    what: string,
    key: HeldKey,
    call: Parameters<Token["run"]>[2],
    work: (session: TokenSession, object: Handle) => Promise<Result<T, KeyBackendRefusal>>,
  ): Answer<T> {
    const kind: KeyKind | undefined = keyKindOf(key.type)
    if (kind === undefined) return this.#unsupported(`no token has keys of type ${key.type}`)
    try {
      return await this.#tools.token.run(
        what,
        async (session) => {
          const object = this.#keys.find(session, key, kind)
          return object.ok ? await work(session, object.value) : object
        },
        call,
      )
    } catch (error) {
      // Thrown, and not returned, so that the session is closed: it may be in the middle of the operation.
      if (error instanceof TagRefused) return changed("it was changed, or encrypted by another key or under another context")
      throw error
    }
  }

  /** Begins an operation with GCM in the form of its parameters that the module knows: v2.40 of the standard had two. */
  #withGcm(
    { associatedData, iv }: { readonly iv: Buffer; readonly associatedData: Uint8Array },
    begin: (parameter: { type: number; iv: Buffer; ivBits: number; aad: Buffer; tagBits: number }) => void,
  ): void {
    const parameter = { iv, ivBits: 8 * NONCE_BYTES, aad: view(associatedData), tagBits: 8 * TAG_BYTES }
    try {
      begin({ ...parameter, type: this.#gcm })
    } catch (error) {
      if (!GCM_PARAMS_REFUSALS.includes(returnValueOf(error))) throw error
      const other = this.#gcm === PARAMS.GCM ? PARAMS.GCM_WITH_BITS : PARAMS.GCM
      begin({ ...parameter, type: other })
      this.#gcm = other
    }
  }

  /** Keeps bytes where they are while the module works on them; the first is what it reads. */
  async #lend<T>(lent: readonly [Uint8Array, ...Uint8Array[]], work: (input: Buffer) => Promise<T>): Promise<T> {
    const input = view(lent[0])
    const all = [...lent, input]
    this.#lent.add(all)
    try {
      return await work(input)
    } finally {
      this.#lent.delete(all)
    }
  }

  #unsupported(why: string): Refusal<"KEY_BACKEND_UNSUPPORTED"> {
    return refuse("KEY_BACKEND_UNSUPPORTED", why)
  }
}

/** No id has a colon. */
function nameOf({ id, version }: Pick<HeldKey, "id" | "version">): string {
  return `${id}:${version}`
}

/** A tag that did not hold. */
class TagRefused extends Error {
  override readonly name: string = "TagRefused"
}

/** The same bytes as the binding takes them; none at all are those before some, for it takes no null. */
function view(bytes: Uint8Array): Buffer {
  return bytes.length === 0 ? Buffer.alloc(1).subarray(0, 0) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

function changed(why: string): Refusal<"KEY_CIPHERTEXT_INVALID"> {
  return refuse("KEY_CIPHERTEXT_INVALID", `the ciphertext cannot be decrypted: ${why}`)
}
