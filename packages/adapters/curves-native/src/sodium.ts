import sodium from "sodium-native"

// @types/sodium-native 2.3 describes an older binding, which had an object in place of these, and asks for a Buffer where any bytes will do.
declare module "sodium-native" {
  function crypto_hash_sha256(digest: Uint8Array, input: Uint8Array): void
  function crypto_hash_sha256_init(state: Buffer): void
  function crypto_hash_sha256_update(state: Buffer, input: Buffer): void
  function crypto_hash_sha256_final(state: Buffer, digest: Buffer): void
}

/** libsodium's binding; every use in this package goes through here. */
export { sodium }

/** The same memory as a `Buffer`, as the binding's types ask for. Copies nothing. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
