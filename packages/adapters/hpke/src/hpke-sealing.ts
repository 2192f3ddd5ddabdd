import { Dhkem, HkdfSha256Native, KemId } from "@hpke/common"
import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core"
import { ok, refuse, Secret } from "@keygrove/base"
import type { Sealing } from "@keygrove/service"
import { KeyHandle, keyHandle, KeyPairHandle, SecretX25519, type SealingTools } from "./secret-x25519.ts"

const KEY_BYTES = 32
const TAG_BYTES = 16

/**
 * {@link Sealing} by @hpke/core: HPKE (RFC 9180) base mode with DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001 and AES-256-GCM 0x0002. The key exchange
 * is the platform's own, so that a secret key never leaves its `Secret`; what the library keeps until a collection is good for one message.
 */
export function createSealing(tools: SealingTools): Sealing {
  return {
    seal: async (recipientKey, plaintext, { associatedData, info }) => {
      if (recipientKey.length !== KEY_BYTES) return invalidRecipient(`has ${recipientKey.length} bytes, expected ${KEY_BYTES}`)
      using exchange = new SecretX25519()
      using ephemeral = new KeyPairHandle(tools)
      const body = owned(plaintext)
      try {
        const recipientPublicKey = new KeyHandle(Uint8Array.from(recipientKey))
        // The library calls a given ephemeral key a means of tests; here it is fresh, and can be wiped.
        const sender = await suiteOver(exchange).createSenderContext({ recipientPublicKey, ekm: ephemeral, info: owned(info) })
        const ciphertext = await sender.seal(body, associatedData === undefined ? undefined : owned(associatedData))
        const sealed = new Uint8Array(KEY_BYTES + ciphertext.byteLength)
        sealed.set(new Uint8Array(sender.enc))
        sealed.set(new Uint8Array(ciphertext), KEY_BYTES)
        return ok(sealed)
      } catch {
        // What can fail is the key exchange with a point of small order (RFC 9180 §7.1.4).
        return invalidRecipient("is of small order")
      } finally {
        new Uint8Array(body).fill(0)
      }
    },

    open: async (secretKey, sealed, { associatedData, info }) => {
      const refusal = refuse("SEAL_OPEN_FAILED", "sealed data was changed, or is for another key or purpose")
      if (sealed.length < KEY_BYTES + TAG_BYTES) return refusal
      using exchange = new SecretX25519()
      try {
        const recipientKey = keyHandle(tools, secretKey)
        const enc = owned(sealed.subarray(0, KEY_BYTES))
        const context = await suiteOver(exchange).createRecipientContext({ recipientKey, enc, info: owned(info) })
        const plaintext = await context.open(
          owned(sealed.subarray(KEY_BYTES)),
          associatedData === undefined ? undefined : owned(associatedData),
        )
        // A secret has at least one byte; an empty message is nobody's.
        return plaintext.byteLength === 0 ? refusal : ok(Secret.take(new Uint8Array(plaintext)))
      } catch {
        return refusal
      }
    },

    generateKeyPair: async () => {
      const { publicKey, secret } = new KeyPairHandle(tools)
      return { secretKey: secret, publicKey: publicKey.publicKey }
    },
  }
}

function suiteOver(exchange: SecretX25519): CipherSuite {
  return new CipherSuite({ kem: new X25519Kem(exchange), kdf: new HkdfSha256(), aead: new Aes256Gcm() })
}

/** DHKEM(X25519, HKDF-SHA256), as the library has it, over another implementation of the group. */
class X25519Kem extends Dhkem {
  override readonly id: KemId = KemId.DhkemX25519HkdfSha256
  override readonly secretSize: number = KEY_BYTES
  override readonly encSize: number = KEY_BYTES
  override readonly publicKeySize: number = KEY_BYTES
  override readonly privateKeySize: number = KEY_BYTES

  constructor(exchange: SecretX25519) {
    super(KemId.DhkemX25519HkdfSha256, exchange, new HkdfSha256Native())
  }
}

/**
 * An `ArrayBuffer` of exactly these bytes: the library takes nothing else, and a view's buffer may hold more. Not the buffer of a copy: up to 64 bytes of one lie in the engine's heap first, and
 * stay there when its buffer is asked for and wiped.
 */
function owned(bytes: Uint8Array): ArrayBuffer {
  const buffer = new ArrayBuffer(bytes.length)
  new Uint8Array(buffer).set(bytes)
  return buffer
}

function invalidRecipient(reason: string): ReturnType<typeof refuse<"SEAL_RECIPIENT_INVALID">> {
  return refuse("SEAL_RECIPIENT_INVALID", `the recipient's sealing key ${reason}; ask for it again`)
}
