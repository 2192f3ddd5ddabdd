import { concatBytes } from "@keygrove/base"

/** What a TPMS_ATTEST says; what is left out is as a TPM's quote has it. */
export interface AttestFields {
  readonly magic?: number
  readonly type?: number
  /** Qualified name of the key, 34 bytes. */
  readonly signer?: Uint8Array
  readonly extraData: Uint8Array
  readonly clockMs?: bigint
  readonly resetCount?: number
  readonly restartCount?: number
  readonly safe?: number
  readonly firmwareVersion?: bigint
  readonly selections: readonly { readonly bank?: number; readonly pcrs: readonly number[] }[]
  readonly pcrDigest: Uint8Array
}

const SHA256 = 0x000b
const NAME: Uint8Array = concatBytes(uint16(SHA256), new Uint8Array(32).fill(7))
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, sign. */
const ATTRIBUTES = 0x0005_0472
const SELECT_BYTES = 3

/** TPMS_ATTEST of a quote (TPM 2.0 Library, Part 2, §10.12.12). */
export function encodeTpmAttest(fields: AttestFields): Uint8Array {
  const { magic = 0xff54_4347, type = 0x8018, signer = NAME, safe = 1 } = fields
  return concatBytes(
    uint32(magic),
    uint16(type),
    sized(signer),
    sized(fields.extraData),
    uint64(fields.clockMs ?? 1n),
    uint32(fields.resetCount ?? 0),
    uint32(fields.restartCount ?? 0),
    Uint8Array.of(safe),
    uint64(fields.firmwareVersion ?? 1n),
    uint32(fields.selections.length),
    ...fields.selections.map(({ bank = SHA256, pcrs }) => concatBytes(uint16(bank), Uint8Array.of(SELECT_BYTES), bitmapOf(pcrs))),
    sized(fields.pcrDigest),
  )
}

/** TPMT_PUBLIC of a restricted signing key for ECDSA over P-256, from its uncompressed point (65 bytes). */
export function encodeTpmEccKey(point: Uint8Array, attributes: number = ATTRIBUTES): Uint8Array {
  const head = [0x0023, SHA256].map(uint16)
  const parameters = [0x0010, 0x0018, SHA256, 0x0003, 0x0010].map(uint16)
  const coordinates = [point.subarray(1, 33), point.subarray(33)].map(sized)
  return concatBytes(...head, uint32(attributes), sized(new Uint8Array(0)), ...parameters, ...coordinates)
}

/** TPMT_SIGNATURE of ECDSA with SHA-256, from r ‖ s (64 bytes). */
export function encodeTpmEccSignature(signature: Uint8Array): Uint8Array {
  return concatBytes(uint16(0x0018), uint16(SHA256), sized(signature.subarray(0, 32)), sized(signature.subarray(32)))
}

function bitmapOf(pcrs: readonly number[]): Uint8Array {
  const bitmap = new Uint8Array(SELECT_BYTES)
  for (const pcr of pcrs) bitmap[pcr >> 3] = (bitmap[pcr >> 3] ?? 0) | (1 << (pcr & 7))
  return bitmap
}

function sized(bytes: Uint8Array): Uint8Array {
  return concatBytes(uint16(bytes.length), bytes)
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff)
}

function uint32(value: number): Uint8Array {
  return concatBytes(uint16(value >>> 16), uint16(value & 0xffff))
}

function uint64(value: bigint): Uint8Array {
  return concatBytes(uint32(Number(value >> 32n)), uint32(Number(value & 0xffff_ffffn)))
}
