import { createPublicKey, verify, type JsonWebKey, type KeyObject } from "node:crypto"
import { concatBytes } from "@keygrove/base"
import { SshReader } from "./ssh-data.ts"

interface HostKey {
  readonly jwk: JsonWebKey
  /** Bytes of each half of an ECDSA signature; 0 for other keys. */
  readonly scalarBytes: number
  /** Hashes by the names of signature algorithms that go with the key; `null` where the algorithm brings its own. */
  readonly hashes: ReadonlyMap<string, string | null>
}

/** RFC 5656 §6.2.1: each curve has its hash. */
const CURVES: ReadonlyMap<string, { readonly crv: string; readonly hash: string; readonly scalarBytes: number }> = new Map([
  ["nistp256", { crv: "P-256", hash: "sha256", scalarBytes: 32 }],
  ["nistp384", { crv: "P-384", hash: "sha384", scalarBytes: 48 }],
  ["nistp521", { crv: "P-521", hash: "sha512", scalarBytes: 66 }],
])
/** RFC 8332 §3; `ssh-rsa` itself signs with SHA-1 and is not accepted. */
const RSA_HASHES: ReadonlyMap<string, string> = new Map([
  ["rsa-sha2-256", "sha256"],
  ["rsa-sha2-512", "sha512"],
])

/** Whether a server with that host key signed the data: false, never an exception, for whatever is no key or no signature. Certificates are none. */
export function isHostSignature(hostKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const key = decodeHostKey(new SshReader(hostKey))
  const reader = new SshReader(signature)
  const [algorithm, blob] = [reader.name(), reader.string()]
  if (key === undefined || algorithm === undefined || blob === undefined || !reader.isAtEnd) return false
  const hash = key.hashes.get(algorithm)
  const encoded = key.scalarBytes === 0 ? blob : fixedHalves(blob, key.scalarBytes)
  const object = keyObject(key.jwk)
  if (hash === undefined || encoded === undefined || object === undefined) return false
  return verify(hash, data, { key: object, dsaEncoding: "ieee-p1363" }, encoded)
}

function decodeHostKey(reader: SshReader): HostKey | undefined {
  const name = reader.name()
  if (name === "ssh-ed25519") {
    const point = reader.string()
    if (point?.length !== 32 || !reader.isAtEnd) return undefined
    return { jwk: { kty: "OKP", crv: "Ed25519", x: base64url(point) }, scalarBytes: 0, hashes: new Map([[name, null]]) }
  }
  if (name === "ssh-rsa") {
    const [e, n] = [reader.positiveInteger(), reader.positiveInteger()]
    if (e === undefined || n === undefined || !reader.isAtEnd) return undefined
    return { jwk: { kty: "RSA", e: base64url(e), n: base64url(n) }, scalarBytes: 0, hashes: RSA_HASHES }
  }
  const [curveName, point] = [reader.name(), reader.string()]
  const curve = CURVES.get(curveName ?? "")
  if (name !== `ecdsa-sha2-${curveName}` || curve === undefined || point === undefined || !reader.isAtEnd) return undefined
  const { crv, hash, scalarBytes } = curve
  if (point[0] !== 4 || point.length !== 1 + 2 * scalarBytes) return undefined
  const [x, y] = [base64url(point.subarray(1, 1 + scalarBytes)), base64url(point.subarray(1 + scalarBytes))]
  return { jwk: { kty: "EC", crv, x, y }, scalarBytes, hashes: new Map([[name, hash]]) }
}

/** r ‖ s in fixed lengths from two mpints. */
function fixedHalves(blob: Uint8Array, scalarBytes: number): Uint8Array | undefined {
  const reader = new SshReader(blob)
  const [r, s] = [reader.positiveInteger(), reader.positiveInteger()]
  if (r === undefined || s === undefined || !reader.isAtEnd || r.length > scalarBytes || s.length > scalarBytes) return undefined
  return concatBytes(new Uint8Array(scalarBytes - r.length), r, new Uint8Array(scalarBytes - s.length), s)
}

function keyObject(jwk: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk, format: "jwk" })
  } catch {
    // Not a point of its curve, or no modulus.
    return undefined
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url")
}
