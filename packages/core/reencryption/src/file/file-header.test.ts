import { createECDH } from "node:crypto"
import { encodeCanonical, toHex, unwrap, utf8, type CborValue } from "@keygrove/base"
import { SUITE_NAMES } from "@keygrove/crypto"
import { decodeClusterId, decodeEpoch, decodeNodePath } from "@keygrove/hierarchy"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { decodeFileHeader, decodeFilePrefix, encodeFileHeader, type FileHeader } from "./file-header.ts"
import { decodeLabel } from "./label.ts"

const curve = createECDH("secp256k1")
curve.setPrivateKey(Buffer.alloc(32, 7))

const header: FileHeader = {
  suite: "aes-256-gcm",
  owner: { cluster: unwrap(decodeClusterId("ab".repeat(32))), path: unwrap(decodeNodePath("/laptop")) },
  label: unwrap(decodeLabel("photos/2026")),
  epoch: unwrap(decodeEpoch(3)),
  labelKey: Uint8Array.from(Buffer.from(curve.getPublicKey("hex", "compressed"), "hex")),
  capsule: new Uint8Array(105).fill(4),
}
const encoded = encodeFileHeader(header)

/** A header file around any body. */
function framed(body: Uint8Array, version = 1): Uint8Array {
  const bytes = new Uint8Array(14 + body.length)
  bytes.set(utf8("keygrove\n"))
  bytes[9] = version
  new DataView(bytes.buffer).setUint32(10, body.length)
  bytes.set(body, 14)
  return bytes
}

const fields: Readonly<Record<string, CborValue>> = {
  suite: header.suite,
  owner: { cluster: header.owner.cluster, path: header.owner.path },
  label: header.label,
  epoch: header.epoch,
  labelKey: header.labelKey,
  capsule: header.capsule,
  chunk: 65_536,
}

describe("file header", () => {
  test("round-trips in every suite", () => {
    for (const suite of SUITE_NAMES)
      expect(decodeFileHeader(encodeFileHeader({ ...header, suite }))).toEqual({ ok: true, value: { ...header, suite } })
  })

  test("that was put on later says so in its version, and nowhere else", () => {
    const rewrapped = encodeFileHeader({ ...header, isRewrapped: true })
    expect(decodeFileHeader(rewrapped)).toEqual({ ok: true, value: { ...header, isRewrapped: true } })
    expect([...rewrapped].flatMap((byte, index) => (byte === encoded[index] ? [] : [index]))).toEqual([9])
    expect(rewrapped[9]).toBe(2)
  })

  test("begins with the magic line, the version and the length", () => {
    expect(toHex(encoded.subarray(0, 10))).toBe("6b657967726f76650a01")
    expect(decodeFilePrefix(encoded)).toEqual({ ok: true, value: encoded.length - 14 })
  })

  test.each([
    ["another file", utf8("age-encryption.org/v1\n"), "FILE_NOT_KEYGROVE"],
    ["nothing", new Uint8Array(0), "FILE_NOT_KEYGROVE"],
    ["a cut magic", encoded.subarray(0, 5), "FILE_TRUNCATED"],
    ["a cut prefix", encoded.subarray(0, 13), "FILE_TRUNCATED"],
    ["a cut header", encoded.subarray(0, encoded.length - 1), "FILE_TRUNCATED"],
    ["a newer version", framed(new Uint8Array(4), 3), "FILE_VERSION"],
    ["an empty header", framed(new Uint8Array(0)), "FILE_HEADER_INVALID"],
    ["a long header", framed(new Uint8Array(4_097)), "FILE_HEADER_INVALID"],
    ["more than the header", new Uint8Array([...encoded, 0]), "FILE_HEADER_INVALID"],
    ["no CBOR", framed(new Uint8Array(10).fill(0xff)), "FILE_HEADER_INVALID"],
    ["an unknown suite", framed(encodeCanonical({ ...fields, suite: "rot13" })), "SUITE_UNKNOWN"],
    ["a bad label", framed(encodeCanonical({ ...fields, label: "/" })), "FILE_HEADER_INVALID"],
    ["a bad path", framed(encodeCanonical({ ...fields, owner: { cluster: header.owner.cluster, path: "laptop" } })), "FILE_HEADER_INVALID"],
    ["a bad cluster", framed(encodeCanonical({ ...fields, owner: { cluster: "AB", path: "/laptop" } })), "FILE_HEADER_INVALID"],
    ["epoch 0", framed(encodeCanonical({ ...fields, epoch: 0 })), "FILE_HEADER_INVALID"],
    ["another chunk size", framed(encodeCanonical({ ...fields, chunk: 4_096 })), "FILE_HEADER_INVALID"],
    ["a short capsule", framed(encodeCanonical({ ...fields, capsule: new Uint8Array(104) })), "FILE_HEADER_INVALID"],
    ["an uncompressed key", framed(encodeCanonical({ ...fields, labelKey: new Uint8Array(65).fill(4) })), "FILE_HEADER_INVALID"],
    ["an extra field", framed(encodeCanonical({ ...fields, extra: 1 })), "FILE_HEADER_INVALID"],
  ])("refuses %s", (_what, bytes, code) => {
    expect(decodeFileHeader(bytes)).toMatchObject({ ok: false, code })
  })

  test("never throws, and accepts nothing but what it encodes itself", () => {
    fc.assert(
      fc.property(fc.nat({ max: encoded.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Uint8Array.from(encoded)
        bytes[at] = (bytes[at] ?? 0) ^ change
        const decoded = decodeFileHeader(bytes)
        if (decoded.ok) expect(encodeFileHeader(decoded.value)).toEqual(bytes)
      }),
      { numRuns: 500 },
    )
  })
})
