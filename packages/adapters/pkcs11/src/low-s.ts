/** Order of secp256k1 (SEC 2 §2.4.1). */
const ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n

/** The one of the two signatures (r, s) and (r, n − s), 64 bytes, that has the lower s; both hold, and only one is ours. Signatures are public. */
export function withLowS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`)
  if (s <= ORDER / 2n) return Uint8Array.from(signature)
  return Uint8Array.from([...signature.subarray(0, 32), ...Buffer.from((ORDER - s).toString(16).padStart(64, "0"), "hex")])
}
