import { spawnSync } from "node:child_process"
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Paths of PEM files. */
export interface KitCertificates {
  readonly ca: string
  readonly server: { readonly certificate: string; readonly key: string }
  readonly client: { readonly certificate: string; readonly key: string }
}

/** An authority, and certificates of it for a member on 127.0.0.1 and for a client, made by openssl. */
export function makeCertificates(directory: string): KitCertificates {
  const at = (name: string): string => join(directory, name)
  const openssl = (...args: readonly string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { encoding: "utf8" })
    if (status !== 0) throw new Error(`openssl: ${stderr}`)
  }
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
  openssl("req", "-x509", ...ec, "-subj", "/CN=authority", "-days", "2", "-keyout", at("ca.key"), "-out", at("ca.pem"))
  const make = (name: string, extensions: string): { readonly certificate: string; readonly key: string } => {
    const files = { certificate: at(`${name}.pem`), key: at(`${name}.key`) }
    writeFileSync(at(`${name}.ext`), extensions)
    openssl("req", ...ec, "-subj", `/CN=${name}`, "-keyout", files.key, "-out", at(`${name}.csr`))
    const issuer = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", at(`${name}.csr`), ...issuer, "-extfile", at(`${name}.ext`), "-out", files.certificate)
    chmodSync(files.key, 0o600)
    return files
  }
  return {
    ca: at("ca.pem"),
    server: make("server", "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"),
    client: make("client", "extendedKeyUsage=clientAuth\n"),
  }
}
