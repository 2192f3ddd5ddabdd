/** A public key that a device made for itself and signs with, such as a TPM. Not yet known to be a key at all: who verifies with it finds that out. */
export type DeviceKey =
  | {
      readonly type: "p256"
      /** 65 bytes, SEC1 uncompressed. */
      readonly point: Uint8Array
    }
  | {
      readonly type: "rsa-2048"
      /** 256 bytes, big-endian, with the first bit set. */
      readonly modulus: Uint8Array
      readonly exponent: 65_537
    }

/**
 * Whether a device's signature over a message holds, with SHA-256: ECDSA (64 bytes r ‖ s, FIPS 186-5 §6.4; either s, as devices do not choose the low one) or
 * RSASSA-PKCS1-v1_5 (256 bytes, RFC 8017 §8.2). False, never an exception, for malformed keys and signatures.
 */
export type VerifyDeviceSignature = (key: DeviceKey, message: Uint8Array, signature: Uint8Array) => boolean
