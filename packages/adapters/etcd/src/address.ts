import { isIP, isIPv6 } from "node:net"
import { ok, refuse, type Result } from "@keygrove/base"

/** A member of etcd, by its client port. */
export interface EtcdEndpoint {
  readonly host: string
  readonly port: number
}

/** Where a ledger is in etcd. */
export interface EtcdAddress {
  readonly endpoints: readonly EtcdEndpoint[]
  /** What all keys of the ledger begin with: `/` and a name, without a slash at the end. */
  readonly prefix: string
}

const SCHEME = "etcd://"
const DEFAULT_PORT = 2379
const MAX_ENDPOINTS = 16
const MAX_PREFIX_CHARACTERS = 128

/** Whether a text means to be an address of {@link parseEtcdAddress}. */
export function isEtcdAddress(text: string): boolean {
  return text.startsWith(SCHEME)
}

/** Parses `etcd://HOST[:PORT][,HOST[:PORT]…]/PREFIX`; an IPv6 address stands in brackets. At most 16 members. */
export function parseEtcdAddress(text: string): Result<EtcdAddress, "ETCD_ADDRESS_INVALID"> {
  if (!isEtcdAddress(text)) return invalid(text, "does not begin with etcd://")
  const rest = text.slice(SCHEME.length)
  const slash = rest.indexOf("/")
  const prefix = slash < 0 ? "" : rest.slice(slash)
  if (prefix.length < 2) return invalid(text, "names no prefix; end it with one, such as /keygrove")
  if (prefix.length > MAX_PREFIX_CHARACTERS || !/^(?:\/[\w.-]+)+$/.test(prefix))
    return invalid(text, `has the prefix ${prefix.slice(0, 40)}; expected names of a-z, A-Z, 0-9, ".", "_" and "-" after slashes`)
  const endpoints = rest.slice(0, slash).split(",").map(parseEndpoint)
  const known = endpoints.filter((endpoint) => endpoint !== undefined)
  if (known.length !== endpoints.length) return invalid(text, "names a member that is not HOST or HOST:PORT")
  const names = new Set(known.map(formatEndpoint))
  if (names.size !== known.length) return invalid(text, "names a member twice")
  if (known.length > MAX_ENDPOINTS) return invalid(text, `names ${known.length} members; at most ${MAX_ENDPOINTS} are taken`)
  return ok({ endpoints: known, prefix })
}

/** `HOST:PORT`. */
export function formatEndpoint({ host, port }: EtcdEndpoint): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/** Whether an endpoint is on this machine. */
export function isLoopback({ host }: EtcdEndpoint): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))
}

function parseEndpoint(text: string): EtcdEndpoint | undefined {
  const match = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<name>[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,251}[a-zA-Z0-9])?))(?::(?<port>\d{1,5}))?$/.exec(text)
  const { name, port = String(DEFAULT_PORT), six } = match?.groups ?? {}
  const host = six ?? name?.toLowerCase()
  const number = Number(port)
  if (host === undefined || number < 1 || number > 65_535 || (six !== undefined && !isIPv6(six))) return undefined
  return { host, port: number }
}

function invalid(text: string, reason: string): Result<never, "ETCD_ADDRESS_INVALID"> {
  return refuse("ETCD_ADDRESS_INVALID", `the ledger ${text.slice(0, 80)} ${reason} (etcd://HOST:PORT,HOST:PORT/PREFIX)`)
}
