import type { IncomingHttpHeaders } from "node:http"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { cookieNames, cookieValues, foreignRequest, type RequestKind } from "./request-rules.ts"

const host = "127.0.0.1:7411"
/** What Chromium sends (Fetch Metadata, W3C): a link from elsewhere, the page's style sheet, the page's script. */
const own: Readonly<Record<RequestKind, IncomingHttpHeaders>> = {
  page: { host, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
  part: { host, "sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "style" },
  call: { host, origin: `http://${host}`, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" },
}
const kinds: readonly RequestKind[] = ["page", "part", "call"]

describe("requests", () => {
  test.each(kinds)("of the browser for its own %s are served, also by a browser that tells less, and through a forwarded port", (kind) => {
    expect(foreignRequest(kind, own[kind])).toBeUndefined()
    const { origin } = own[kind]
    expect(foreignRequest(kind, { host, ...(origin === undefined ? {} : { origin }) })).toBeUndefined()
    const forwarded = "127.0.0.1:8000"
    expect(foreignRequest(kind, { host: forwarded, ...(origin === undefined ? {} : { origin: `http://${forwarded}` }) })).toBeUndefined()
  })

  test.each(kinds)("for a %s under another name are refused (DNS rebinding)", (kind) => {
    for (const name of [
      "attacker.example:7411",
      "127.0.0.1.attacker.example",
      "localhost:7411",
      "[::1]:7411",
      "127.0.0.1:7411@x",
      "",
      "127.0.0.1:",
    ])
      expect(foreignRequest(kind, { ...own[kind], host: name, origin: `http://${name}` }), name).toMatchObject({ code: "RPC_UNAUTHORISED" })
  })

  test.each(["https://attacker.example", "null", "http://127.0.0.1:8000", "http://localhost:7411", `https://${host}`, ""])(
    "with the origin %j are refused",
    (origin) => {
      for (const kind of kinds) expect(foreignRequest(kind, { ...own[kind], origin }), kind).toMatchObject({ code: "RPC_UNAUTHORISED" })
    },
  )

  test("calls without an origin are refused, and those from another site or port", () => {
    const { origin: _, ...without } = own.call
    expect(foreignRequest("call", without)).toMatchObject({ code: "RPC_UNAUTHORISED" })
    for (const site of ["same-site", "cross-site", "none"])
      expect(foreignRequest("call", { ...own.call, "sec-fetch-site": site }), site).toMatchObject({ code: "RPC_UNAUTHORISED" })
  })

  test("parts for other sites and ports are refused, and the page inside another one", () => {
    for (const site of ["same-site", "cross-site"])
      expect(foreignRequest("part", { ...own.part, "sec-fetch-site": site }), site).toMatchObject({ code: "RPC_UNAUTHORISED" })
    for (const use of ["iframe", "object", "embed", "image", "script", "empty"])
      expect(foreignRequest("page", { ...own.page, "sec-fetch-dest": use }), use).toMatchObject({ code: "RPC_UNAUTHORISED" })
  })
})

describe("cookies", () => {
  test("are read as browsers send them", () => {
    const header = "a=1; k-7411-00aa11bb=v=w; b; k-7411-00aa11bb=2;k-7411-22cc33dd=3; k-7412-00aa11bb=4; k-7411-x y=5; k-7411-=6"
    expect(cookieValues(header, "k-7411-00aa11bb")).toEqual(["v=w", "2"])
    expect(cookieNames(header, "k-7411-")).toEqual(["k-7411-00aa11bb", "k-7411-22cc33dd"])
    expect(cookieValues(undefined, "a")).toEqual([])
  })

  test("whatever the header is, nothing is thrown and no name is invented", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        for (const name of cookieNames(header, "k")) expect(header).toContain(name)
      }),
    )
  })
})
