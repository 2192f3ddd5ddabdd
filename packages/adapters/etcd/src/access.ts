import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { ok, refuse, Secret, type Result } from "@keygrove/base"
import type { GrpcTls } from "./grpc-connection.ts"

/** How etcd is reached, as paths of files; TLS when there are authorities. */
export interface EtcdAccessFiles {
  /** PEM certificates of the authorities that etcd's certificates are of. */
  readonly caFile?: string
  /** PEM, for an etcd that asks its clients for one; with `keyFile`. */
  readonly certificateFile?: string
  readonly keyFile?: string
  /** Name of a user of etcd, with `passwordFile`. */
  readonly user?: string
  /** Only its owner may read it; one line. */
  readonly passwordFile?: string
}

/** How etcd is reached. */
export interface EtcdAccess {
  readonly tls?: GrpcTls
  readonly user?: {
    readonly name: string
    /** Reads the password anew; the caller disposes of it. */
    readonly readPassword: () => Result<Secret, "ETCD_FILE_UNREADABLE">
  }
}

const MAX_FILE_BYTES = 262_144
const MAX_PASSWORD_BYTES = 1_024

/** Reads the certificates and the key; checks the password's file, which is read again at each login so that no password is kept. */
export function readEtcdAccess(files: EtcdAccessFiles): Result<EtcdAccess, "ETCD_FILE_UNREADABLE"> {
  const { caFile, certificateFile, keyFile, passwordFile, user } = files
  const ca = caFile === undefined ? undefined : readPublic(caFile)
  if (ca?.ok === false) return ca
  const certificate = certificateFile === undefined ? undefined : readPublic(certificateFile)
  if (certificate?.ok === false) return certificate
  const key = keyFile === undefined ? undefined : readPrivate(keyFile, MAX_FILE_BYTES)
  if (key?.ok === false) return key
  const own = certificate === undefined || key === undefined ? {} : { own: { certificate: certificate.value, key: key.value } }
  const tls = ca === undefined ? {} : { tls: { ca: ca.value, ...own } }
  if (user === undefined || passwordFile === undefined) return ok(tls)
  const password = readPassword(passwordFile)
  if (!password.ok) return password
  password.value[Symbol.dispose]()
  return ok({ ...tls, user: { name: user, readPassword: () => readPassword(passwordFile) } })
}

/** The first line of a file that only its owner may read. */
function readPassword(path: string): Result<Secret, "ETCD_FILE_UNREADABLE"> {
  const read = readPrivate(path, MAX_PASSWORD_BYTES)
  if (!read.ok) return read
  const whole = read.value
  const end = whole.findIndex((byte) => byte === 10 || byte === 13)
  const line = whole.slice(0, end < 0 ? whole.length : end)
  const isAlone = whole.subarray(line.length).every((byte) => byte === 10 || byte === 13)
  whole.fill(0)
  if (line.length > 0 && isAlone) return ok(Secret.take(line))
  line.fill(0)
  return unreadable(path, "is not one line; write the password alone to it")
}

function readPublic(path: string): Result<Uint8Array, "ETCD_FILE_UNREADABLE"> {
  return readFile(path, MAX_FILE_BYTES, () => undefined)
}

function readPrivate(path: string, maxBytes: number): Result<Uint8Array, "ETCD_FILE_UNREADABLE"> {
  return readFile(path, maxBytes, ({ mode, uid }) => {
    const user = process.getuid?.()
    if (user !== undefined && uid !== user) return `belongs to user ${uid}; it must belong to user ${user}`
    return (mode & 0o077) === 0 ? undefined : `has mode ${(mode & 0o777).toString(8)}; only its owner may read it (chmod 600)`
  })
}

function readFile(
  path: string,
  maxBytes: number,
  objection: (facts: { readonly mode: number; readonly uid: number }) => string | undefined,
): Result<Uint8Array, "ETCD_FILE_UNREADABLE"> {
  try {
    // Not blocking, so that opening a pipe does not wait for its writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const facts = fstatSync(descriptor)
      if (!facts.isFile()) return unreadable(path, "is no regular file")
      const refused = objection(facts)
      if (refused !== undefined) return unreadable(path, refused)
      const bytes = new Uint8Array(maxBytes + 1)
      let length = 0
      for (let count = -1; count !== 0 && length < bytes.length; length += count)
        count = readSync(descriptor, bytes, length, bytes.length - length, null)
      if (length === 0 || length > maxBytes)
        return unreadable(path, `has ${length === 0 ? "no" : "too many"} bytes; 1 to ${maxBytes} are accepted`)
      const read = bytes.slice(0, length)
      bytes.fill(0)
      return ok(read)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason"
    return unreadable(path, `cannot be read (${reason}); check the path`)
  }
}

function unreadable(path: string, reason: string): Result<never, "ETCD_FILE_UNREADABLE"> {
  return refuse("ETCD_FILE_UNREADABLE", `the file ${path} for etcd ${reason}`)
}
