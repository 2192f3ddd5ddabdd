import type { IncomingHttpHeaders } from "node:http"
import { refuse, type Refusal } from "@keygrove/base"

/** The page is loaded by whatever leads to it; its parts by the page; calls come from its scripts. */
export type RequestKind = "page" | "part" | "call"

/** The console has one name, that of its links. The port may be another one where it was forwarded. */
const HOST = /^127\.0\.0\.1(:\d{1,5})?$/

/**
 * Why a browser's request is refused, by what it says of where it comes from. Another port of this machine is another site's as well: cookies do
 * not know ports, but origins do.
 */
export function foreignRequest(kind: RequestKind, headers: IncomingHttpHeaders): Refusal<"RPC_UNAUTHORISED"> | undefined {
  const { host = "", origin } = headers
  if (!HOST.test(host)) return foreign("under the name 127.0.0.1 only, as in the link of `keygrove console`")
  const site = headerOf(headers, "sec-fetch-site")
  if (kind === "call") {
    if (origin !== `http://${host}`) return foreign("by its own page only, which says so as the origin")
    if (site !== undefined && site !== "same-origin") return foreign("by its own page only, not from another site or port")
    return undefined
  }
  if (origin !== undefined && origin !== `http://${host}`) return foreign("by no other page")
  if (kind === "part") return site === undefined || site === "same-origin" || site === "none" ? undefined : foreign("by no other page")
  // A link, a bookmark or a file may lead to the page; no frame, image or script of another page may hold it.
  const use = headerOf(headers, "sec-fetch-dest")
  return use === undefined || use === "document" ? undefined : foreign("as a page of its own, not inside another one")
}

/** Values of one cookie (RFC 6265 §4.2.1); a page of another port may have set more of that name. */
export function cookieValues(header: string | undefined, name: string): readonly string[] {
  return cookiesOf(header).flatMap(([each, value]) => (each === name ? [value] : []))
}

/** Names of the cookies that begin so and end with 8 hex digits, as ours do. */
export function cookieNames(header: string | undefined, prefix: string): readonly string[] {
  const names = [...new Set(cookiesOf(header).map(([name]) => name))]
  return names.filter((name) => name.startsWith(prefix) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length)))
}

/** One header as text; `undefined` when it is missing. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === "string" ? value : value?.join(", ")
}

/** Of one request; a header has at most 16 KiB anyway. */
const MAX_COOKIES = 200

function cookiesOf(header = ""): readonly (readonly [string, string])[] {
  return header
    .split(";", MAX_COOKIES)
    .map((pair) => [pair.slice(0, Math.max(0, pair.indexOf("="))).trim(), pair.slice(pair.indexOf("=") + 1).trim()] as const)
}

function foreign(how: string): Refusal<"RPC_UNAUTHORISED"> {
  return refuse("RPC_UNAUTHORISED", `the console is used ${how}`)
}
