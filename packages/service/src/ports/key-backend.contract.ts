import { createECDH, createHmac, createPrivateKey, createPublicKey, diffieHellman, ECDH, generateKeyPairSync, verify } from "node:crypto"
import { Secret, unwrap, utf8, type Result } from "@keygrove/base"
import { decodeKeyId, KEY_TYPES, keyTypeTraits, type KeyType, type SignatureAlgorithm } from "@keygrove/keys"
import { beforeEach, describe, expect, test } from "vitest"
import type { HeldKey, KeyBackend, NewKey } from "./key-backend.ts"

/** What an implementation of {@link KeyBackend} promises beyond what all do. */
export interface KeyBackendCapabilities {
  readonly types: readonly KeyType[]
  readonly signatures: readonly SignatureAlgorithm[]
  readonly macs: boolean
}

const call = { signal: new AbortController().signal }
const message = utf8("message")
const bound = utf8("bound")
const CURVES = { p256: "prime256v1", secp256k1: "secp256k1" } as const
const HALF_ORDER = Buffer.from("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0", "hex")
/** RFC 5480 and RFC 8410 SubjectPublicKeyInfo, up to the point. */
const SPKI = {
  ed25519: "302a300506032b6570032100",
  x25519: "302a300506032b656e032100",
  p256: "3039301306072a8648ce3d020106082a8648ce3d030107032200",
  secp256k1: "3036301006072a8648ce3d020106052b8104000a032200",
} as const

/** Declares what every backend must do with the types that it has; node:crypto is the judge. */
export function keyBackendContract(
  name: string,
  { capabilities, open }: { readonly capabilities: KeyBackendCapabilities; readonly open: () => Promise<KeyBackend> },
): void {
  let backend: KeyBackend
  beforeEach(async () => {
    backend = await open()
  })
  const state = { made: 0 }
  const create = async (type: KeyType, secret?: Secret): Promise<HeldKey> => {
    const key: NewKey = { id: unwrap(decodeKeyId(`key/${state.made++}`)), type, version: 1, ...(secret === undefined ? {} : { secret }) }
    return { ...key, ...unwrap(await backend.create(key, call)) }
  }
  const typesWith = (operation: "sign" | "agree"): readonly KeyType[] =>
    capabilities.types.filter((type) => keyTypeTraits(type).operations.includes(operation))
  const has = (type: KeyType): boolean => capabilities.types.includes(type)

  describe(`the key backend ${name}`, () => {
    test.each(KEY_TYPES)("makes keys of type %s, or refuses them", async (type) => {
      const key = { id: unwrap(decodeKeyId("made")), type, version: 1 }
      const made = await backend.create(key, call)
      if (has(type)) expect(unwrap(made).publicKey).toHaveLength(keyTypeTraits(type).publicBytes)
      else expect(made).toMatchObject({ code: "KEY_BACKEND_UNSUPPORTED" })
    })

    test.runIf(capabilities.types.length > 0)("makes no two alike", async () => {
      const keys = await Promise.all(typesWith("sign").flatMap((type) => [create(type), create(type)]))
      expect(new Set(keys.map(({ publicKey }) => Buffer.from(publicKey).toString("hex"))).size).toBe(keys.length)
    })

    test.each(typesWith("sign"))("signs with %s, and the public key verifies", async (type) => {
      const key = await create(type)
      for (const algorithm of keyTypeTraits(type).signatures) {
        const signed = await backend.sign(key, { message, algorithm }, call)
        if (capabilities.signatures.includes(algorithm))
          expectSigned(type, { algorithm, publicKey: key.publicKey, signature: unwrap(signed) })
        else expect(signed).toMatchObject({ code: "KEY_BACKEND_UNSUPPORTED" })
      }
      // Half of all signatures have a high s until somebody minds it; 20 in a row are no luck.
      for (let round = 0; round < 20 && type === "secp256k1"; round++) {
        const signature = unwrap(await backend.sign(key, { message: utf8(`${round}`), algorithm: "ecdsa-sha256" }, call))
        expect(Buffer.from(signature.subarray(32)).compare(HALF_ORDER)).toBeLessThanOrEqual(0)
      }
    })

    test.each(typesWith("agree"))("agrees with %s as a stranger does, and not with what is no key", async (type) => {
      const key = await create(type)
      const stranger = strangerOf(type)
      using shared = unwrap(await backend.agree(key, stranger.publicKey, call))
      expect(shared.expose((bytes) => Buffer.from(bytes))).toEqual(stranger.agree(key.publicKey))
      for (const bad of [new Uint8Array(0), new Uint8Array(stranger.publicKey.length), stranger.publicKey.subarray(1)])
        expect(await backend.agree(key, bad, call)).toMatchObject({ code: "KEY_PEER_INVALID" })
    })

    test.runIf(has("aes256"))("encrypts and decrypts anything from nothing to 256 KiB, never twice the same", async () => {
      const key = await create("aes256")
      for (const length of [0, 1, 1_000, 262_144]) {
        const order = { bytes: new Uint8Array(length).fill(7), associatedData: bound }
        const [one, two] = [unwrap(await backend.encrypt(key, order, call)), unwrap(await backend.encrypt(key, order, call))]
        expect(one).not.toEqual(two)
        const decrypted = unwrap(await backend.decrypt(key, { bytes: one, associatedData: bound }, call))
        expect(Buffer.from(decrypted).equals(order.bytes)).toBe(true)
      }
    })

    test.runIf(has("aes256"))("decrypts nothing that was changed, cut off, bound elsewhere or for another key", async () => {
      const [key, other] = [await create("aes256"), await create("aes256")]
      const bytes = unwrap(await backend.encrypt(key, { bytes: message, associatedData: bound }, call))
      const refused = { code: "KEY_CIPHERTEXT_INVALID" }
      for (let at = 0; at < bytes.length; at++)
        expect(await backend.decrypt(key, { bytes: bytes.with(at, (bytes[at] ?? 0) ^ 1), associatedData: bound }, call)).toMatchObject(
          refused,
        )
      for (let length = 0; length < bytes.length; length += 3)
        expect(await backend.decrypt(key, { bytes: bytes.subarray(0, length), associatedData: bound }, call)).toMatchObject(refused)
      expect(await backend.decrypt(key, { bytes, associatedData: message }, call)).toMatchObject(refused)
      expect(await backend.decrypt(other, { bytes, associatedData: bound }, call)).toMatchObject(refused)
      expect(unwrap(await backend.decrypt(key, { bytes, associatedData: bound }, call))).toEqual(message)
    })

    test.runIf(has("aes256"))("macs as RFC 2104 says, or not at all", async () => {
      using secret = Secret.take(new Uint8Array(32).fill(7))
      const key = await create("aes256", backend.traits.takesSecrets ? secret : undefined)
      const mac = await backend.mac(key, message, call)
      if (capabilities.macs) expect(Buffer.from(unwrap(mac))).toEqual(createHmac("sha256", Buffer.alloc(32, 7)).update(message).digest())
      else expect(mac).toMatchObject({ code: "KEY_BACKEND_UNSUPPORTED" })
    })

    test("takes a secret that it is given, or says that it takes none", async () => {
      using secret = Secret.take(new Uint8Array(32).fill(7))
      const key: NewKey = { id: unwrap(decodeKeyId("given")), type: "ed25519", version: 1, secret }
      const made = await backend.create(key, call)
      if (!backend.traits.takesSecrets) return expect(made).toMatchObject({ code: "KEY_BACKEND_UNSUPPORTED" })
      const seed = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 7)])
      const privateKey = createPrivateKey({ key: seed, format: "der", type: "pkcs8" })
      const expected = createPublicKey(privateKey).export({ format: "der", type: "spki" })
      expect(Buffer.from(unwrap(made).publicKey)).toEqual(expected.subarray(-32))
      expect(secret.live).toBe(true)
    })

    test("does many things at once, each with its own answer", async () => {
      const type = typesWith("sign")[0] ?? "ed25519"
      const algorithm = keyTypeTraits(type).signatures[0] ?? "ed25519"
      const keys = await Promise.all([create(type), create(type), create(type)])
      const orders = Array.from({ length: 60 }, (_, index) => ({ key: keys[index % 3], message: utf8(`message ${index}`) }))
      const signatures = await Promise.all(
        orders.map(async (each) =>
          each.key === undefined ? new Uint8Array(0) : unwrap(await backend.sign(each.key, { message: each.message, algorithm }, call)),
        ),
      )
      orders.forEach((each, index) => {
        const [publicKey, signature] = [each.key?.publicKey ?? new Uint8Array(0), signatures[index] ?? new Uint8Array(0)]
        expectSigned(type, { algorithm, publicKey, signature, message: each.message })
      })
    })

    test("destroys what it has, and what it has not", async () => {
      const key = await create(typesWith("sign")[0] ?? "ed25519")
      expect(await backend.check(key, call)).toEqual({ ok: true, value: true })
      expect(await backend.destroy(key, call)).toMatchObject({ ok: true })
      expect(await backend.destroy(key, call)).toMatchObject({ ok: true })
      const { isOutside, isTransient } = backend.traits
      if (isOutside || isTransient) expect((await backend.check(key, call)).ok).toBe(false)
      if (isOutside || isTransient)
        expect((await backend.sign(key, { message, algorithm: keyTypeTraits(key.type).signatures[0] ?? "ed25519" }, call)).ok).toBe(false)
    })

    test("makes a version outside once, however often it is asked", async () => {
      if (!backend.traits.isOutside) return
      for (const type of capabilities.types) {
        const key: NewKey = { id: unwrap(decodeKeyId(`again/${type}`)), type, version: 3 }
        const first = unwrap(await backend.create(key, call))
        expect(unwrap(await backend.create(key, call))).toEqual(first)
      }
    })

    test("does nothing for a signal that has fired", async () => {
      const key = await create(typesWith("sign")[0] ?? "ed25519")
      const reason = new Error("enough")
      const aborted = { signal: AbortSignal.abort(reason) }
      const calls: (() => Promise<Result<unknown>>)[] = [
        async () => await backend.create({ ...key, version: 2 }, aborted),
        async () => await backend.check(key, aborted),
        async () => await backend.sign(key, { message, algorithm: "ed25519" }, aborted),
        async () => await backend.agree(key, new Uint8Array(32), aborted),
        async () => await backend.encrypt(key, { bytes: message, associatedData: bound }, aborted),
        async () => await backend.decrypt(key, { bytes: message, associatedData: bound }, aborted),
        async () => await backend.mac(key, message, aborted),
        async () => await backend.destroy(key, aborted),
      ]
      for (const each of calls) await expect(each()).rejects.toBe(reason)
    })
  })
}

interface Signed {
  readonly algorithm: SignatureAlgorithm
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  readonly message?: Uint8Array
}

/** Holds a signature to node:crypto; it does not know BIP 340 and BLS, whose own tests do. */
function expectSigned(type: KeyType, { algorithm, message: signed = message, publicKey, signature }: Signed): void {
  if (type !== "ed25519" && type !== "p256" && type !== "secp256k1") return
  if (algorithm === "bip340") return
  const key = createPublicKey({ key: Buffer.concat([Buffer.from(SPKI[type], "hex"), publicKey]), format: "der", type: "spki" })
  const digest = algorithm === "ed25519" ? null : "sha256"
  expect(verify(digest, signed, { key, dsaEncoding: "ieee-p1363" }, signature), type).toBe(true)
}

interface Stranger {
  readonly publicKey: Uint8Array
  agree(peer: Uint8Array): Buffer
}

/** Somebody else with a key of the type. */
function strangerOf(type: KeyType): Stranger {
  if (type === "p256" || type === "secp256k1") {
    const ecdh = createECDH(CURVES[type])
    const point = ECDH.convertKey(ecdh.generateKeys(), CURVES[type], undefined, undefined, "compressed")
    return { publicKey: Uint8Array.from(Buffer.from(point)), agree: (peer) => ecdh.computeSecret(peer) }
  }
  const { privateKey, publicKey } = generateKeyPairSync("x25519")
  return {
    publicKey: Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(-32)),
    agree: (peer) =>
      diffieHellman({
        privateKey,
        publicKey: createPublicKey({ key: Buffer.concat([Buffer.from(SPKI.x25519, "hex"), peer]), format: "der", type: "spki" }),
      }),
  }
}
