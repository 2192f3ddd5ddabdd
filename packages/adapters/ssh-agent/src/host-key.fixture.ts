import { generateKeyPairSync, sign, type KeyObject } from "node:crypto"
import { concatBytes } from "@keygrove/base"
import { mpint, sshString } from "./ssh-data.ts"

/** A server's key, and how it signs. */
export interface HostKey {
  readonly blob: Uint8Array
  readonly sign: (data: Uint8Array) => Uint8Array
}

/** A fresh key of a server. */
export function hostKey(kind: "ed25519" | "nistp256" | "nistp384" | "nistp521" | "rsa"): HostKey {
  const jwkOf = (key: KeyObject): Readonly<Record<"x" | "y" | "n" | "e", Buffer>> => {
    const jwk = key.export({ format: "jwk" })
    return {
      x: Buffer.from(jwk.x ?? "", "base64url"),
      y: Buffer.from(jwk.y ?? "", "base64url"),
      n: Buffer.from(jwk.n ?? "", "base64url"),
      e: Buffer.from(jwk.e ?? "", "base64url"),
    }
  }
  if (kind === "ed25519") {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519")
    const blob = concatBytes(sshString("ssh-ed25519"), sshString(jwkOf(publicKey).x))
    return { blob, sign: (bytes) => concatBytes(sshString("ssh-ed25519"), sshString(sign(null, bytes, privateKey))) }
  }
  if (kind === "rsa") {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    const { e, n } = jwkOf(publicKey)
    return {
      blob: concatBytes(sshString("ssh-rsa"), mpint(e), mpint(n)),
      sign: (bytes) => concatBytes(sshString("rsa-sha2-512"), sshString(sign("sha512", bytes, privateKey))),
    }
  }
  const namedCurve = kind.replace("nistp", "P-")
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve })
  const hash = { nistp256: "sha256", nistp384: "sha384", nistp521: "sha512" }[kind]
  const { x, y } = jwkOf(publicKey)
  const name = sshString(`ecdsa-sha2-${kind}`)
  return {
    blob: concatBytes(name, sshString(kind), sshString(concatBytes(Uint8Array.of(4), x, y))),
    sign: (bytes) => {
      const pair = sign(hash, bytes, { key: privateKey, dsaEncoding: "ieee-p1363" })
      const [r, s] = [pair.subarray(0, pair.length / 2), pair.subarray(pair.length / 2)]
      return concatBytes(name, sshString(concatBytes(mpint(r), mpint(s))))
    },
  }
}
