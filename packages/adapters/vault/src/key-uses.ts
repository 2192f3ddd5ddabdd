import { ok, refuse, utf8, wipeableCopy, type Refusal, type Result } from "@keygrove/base"
import {
  chooseSignature,
  verifyingVersions,
  versionFor,
  type KeyEntry,
  type KeyOperation,
  type KeyType,
  type KeyVersion,
} from "@keygrove/keys"
import type { KeyCall, NamedKeyRefusal, NamedKeys, Sealing } from "@keygrove/service"
import type { KeyAlgorithm } from "./algorithms/algorithm.ts"
import { unsupportedBy, type BackedKey, type KeyBackends } from "./key-backends.ts"
import {
  boundTo,
  CIPHERTEXT_OVERHEAD_BYTES,
  decryptByAgreement,
  encryptToPublic,
  versionOfCiphertext,
  withHead,
  withoutHead,
  type CipherScope,
} from "./key-cipher.ts"
import type { KeyRecords } from "./key-records.ts"
import type { AskedUse, UseGuard } from "./use-guard.ts"

/** What the uses of keys work with. */
export interface KeyUsesParts {
  readonly guard: UseGuard
  readonly records: KeyRecords
  readonly backends: KeyBackends
  readonly algorithms: Readonly<Record<KeyType, KeyAlgorithm>>
  readonly sealing: Sealing
}

const EXPORT_INFO = utf8("keygrove/v1/key-export")

/** What named keys are for: each use is judged by the guard and done by the backend of its key. */
export class KeyUses {
  readonly #parts: KeyUsesParts

  constructor(parts: KeyUsesParts) {
    this.#parts = parts
  }

  sign: NamedKeys["sign"] = async ({ algorithm: asked, id, isConfirmed = false, message }, call) =>
    await this.#use(call, { id, operation: "sign", bytes: message, isConfirmed }, async ({ backend, key }, entry) => {
      const algorithm = chooseSignature(entry.type, asked)
      if (!algorithm.ok) return algorithm
      const signed = await backend.sign(key, { message, algorithm: algorithm.value }, call)
      return signed.ok ? ok({ signature: signed.value, algorithm: algorithm.value, version: key.version }) : signed
    })

  verify: NamedKeys["verify"] = async ({ algorithm: asked, id, message, signature }, call) =>
    await this.#parts.guard.use(call, { id, operation: "verify", bytes: message }, (entry) => {
      const algorithm = chooseSignature(entry.type, asked)
      if (!algorithm.ok) return algorithm
      const { verify } = this.#parts.algorithms[entry.type]
      if (verify === undefined) return unsupported(entry, "verify")
      const made = verifyingVersions(entry).find(({ publicKey }) => verify(publicKey, { message, signature, algorithm: algorithm.value }))
      return ok({ version: made?.version })
    })

  agree: NamedKeys["agree"] = async ({ id, peer }, call) =>
    await this.#use(call, { id, operation: "agree", bytes: peer }, async ({ backend, key }) => {
      const shared = await backend.agree(key, peer, call)
      if (!shared.ok) return shared
      using owned = shared.value
      return ok(owned.expose((bytes) => Uint8Array.from(bytes)))
    })

  encrypt: NamedKeys["encrypt"] = async ({ context, id, plaintext }, call) =>
    await this.#use(call, { id, operation: "encrypt", bytes: plaintext }, async ({ backend, key }) => {
      const scope: CipherScope = { key, context }
      // HPKE gives its plaintext as a secret, which has at least one byte: what is empty could not be opened again.
      if (key.type === "x25519" && plaintext.length === 0)
        return refuse("KEYSTORE_REQUEST_INVALID", `${id} is a key of type x25519, which encrypts at least one byte`)
      if (key.type === "x25519") return await encryptToPublic(this.#parts.sealing, scope, plaintext)
      const body = await backend.encrypt(key, { bytes: plaintext, associatedData: boundTo(scope) }, call)
      return body.ok ? ok(withHead(key, body.value)) : body
    })

  decrypt: NamedKeys["decrypt"] = async ({ ciphertext, context, id }, call) => {
    const version = versionOfCiphertext(ciphertext)
    const asked = version.ok ? { version: version.value } : {}
    return await this.#use(
      call,
      { id, operation: "decrypt", bytes: ciphertext.subarray(CIPHERTEXT_OVERHEAD_BYTES), ...asked },
      async ({ backend, key }) => {
        if (!version.ok) return version
        const scope: CipherScope = { key, context }
        return key.type === "x25519"
          ? await decryptByAgreement(
              this.#parts.sealing,
              { scope, agree: async (peer) => await backend.agree(key, peer, call) },
              ciphertext,
            )
          : await backend.decrypt(key, { bytes: withoutHead(ciphertext), associatedData: boundTo(scope) }, call)
      },
    )
  }

  mac: NamedKeys["mac"] = async ({ id, message, version }, call) =>
    await this.#use(
      call,
      { id, operation: "mac", bytes: message, ...(version === undefined ? {} : { version }) },
      async ({ backend, key }) => await backend.mac(key, message, call),
    )

  exportKey: NamedKeys["exportKey"] = async ({ id, recipientKey }, call) =>
    await this.#parts.guard.audited(call, { key: id, action: "export" }, async () => {
      const entry = this.#parts.records.find(id)
      if (!entry.ok) return entry
      if (!entry.value.exportable)
        return refuse("KEY_NOT_EXPORTABLE", `${id} was not made exportable; its secret never leaves the keystore`)
      const version = versionFor(entry.value, "derive")
      if (!version.ok) return version
      const backed = this.#parts.backends.of(entry.value, version.value)
      if (!backed.ok) return backed
      const { backend, key } = backed.value
      if (backend.withSecret === undefined) return unsupportedBy(backend, "never gives its secret out")
      const plain = backend.withSecret(key, wipeableCopy)
      if (!plain.ok) return plain
      try {
        const sealed = await this.#parts.sealing.seal(recipientKey, plain.value, { info: EXPORT_INFO })
        return sealed.ok ? sealed : refuse("KEY_PEER_INVALID", sealed.message)
      } finally {
        plain.value.fill(0)
      }
    })

  /** One use of a key's secret. */
  async #use<T>(
    call: KeyCall,
    use: AskedUse,
    work: (backed: BackedKey, entry: KeyEntry) => Promise<Result<T, NamedKeyRefusal>>,
  ): Promise<Result<T, NamedKeyRefusal>> {
    return await this.#parts.guard.use(call, use, async (entry: KeyEntry, version: KeyVersion) => {
      const backed = this.#parts.backends.of(entry, version)
      return backed.ok ? await work(backed.value, entry) : backed
    })
  }
}

function unsupported(entry: KeyEntry, operation: KeyOperation): Refusal<"KEY_OPERATION_UNSUPPORTED"> {
  return refuse("KEY_OPERATION_UNSUPPORTED", `a key of type ${entry.type} cannot ${operation}`)
}
