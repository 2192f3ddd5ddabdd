import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, type SenderContextParams } from "@hpke/core"
import { ok, refuse, Secret } from "@keygrove/base"
import type { Sealing } from "@keygrove/service"

const KEY_BYTES = 32
const TAG_BYTES = 16

/** HPKE (RFC 9180) base mode: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-256-GCM 0x0002. */
const suite: CipherSuite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() })

/**
 * {@link Sealing} by @hpke/core over the platform's WebCrypto. The library imports secret keys into the platform's key store, which keeps its own
 * copy until a collection: for sealing keys of an epoch and ephemeral ones, not for anything that must outlive a process unseen.
 */
export const hpkeSealing: Sealing = {
  seal: async (recipientKey, plaintext, { info, associatedData }) => {
    if (recipientKey.length !== KEY_BYTES) return invalidRecipient(`has ${recipientKey.length} bytes, expected ${KEY_BYTES}`)
    try {
      const recipientPublicKey = await suite.kem.deserializePublicKey(owned(recipientKey))
      return ok(await sealTo({ recipientPublicKey, info: owned(info) }, plaintext, associatedData))
    } catch {
      // What can fail is the key exchange with a point of small order (RFC 9180 §7.1.4).
      return invalidRecipient("is of small order")
    }
  },

  open: async (secretKey, sealed, { info, associatedData }) => {
    const refusal = refuse("SEAL_OPEN_FAILED", "sealed data was changed, or is for another key or purpose; ask the sender to send it again")
    if (sealed.length < KEY_BYTES + TAG_BYTES) return refusal
    try {
      const recipientKey = await importSecretKey(secretKey)
      const context = await suite.createRecipientContext({ recipientKey, enc: owned(sealed.subarray(0, KEY_BYTES)), info: owned(info) })
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
    const pair = await suite.kem.generateKeyPair()
    const secretKey = Secret.take(new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey)))
    return { secretKey, publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)) }
  },
}

async function sealTo(parameters: SenderContextParams, plaintext: Uint8Array, associatedData: Uint8Array | undefined): Promise<Uint8Array> {
  const sender = await suite.createSenderContext(parameters)
  const body = owned(plaintext)
  try {
    const ciphertext = await sender.seal(body, associatedData === undefined ? undefined : owned(associatedData))
    const sealed = new Uint8Array(KEY_BYTES + ciphertext.byteLength)
    sealed.set(new Uint8Array(sender.enc))
    sealed.set(new Uint8Array(ciphertext), KEY_BYTES)
    return sealed
  } finally {
    new Uint8Array(body).fill(0)
  }
}

/** Imports a secret key; the copy that the library reads is wiped. */
async function importSecretKey(secretKey: Secret): Promise<CryptoKey> {
  const bytes = secretKey.expose(owned)
  try {
    return await suite.kem.deserializePrivateKey(bytes)
  } finally {
    new Uint8Array(bytes).fill(0)
  }
}

/** An `ArrayBuffer` of exactly these bytes: the library takes nothing else, and a view's buffer may hold more. */
function owned(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}

function invalidRecipient(reason: string): ReturnType<typeof refuse<"SEAL_RECIPIENT_INVALID">> {
  return refuse("SEAL_RECIPIENT_INVALID", `the recipient's sealing key ${reason}; ask for it again`)
}
