import { unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import { kitKey } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { dialable, formatPeerAddress, parsePeerAddress, peerIdOf, signingKeyOf } from "./addresses.ts"

// RFC 8032 §7.1, test 1: the public key; its peer id by the libp2p specification (identity multihash of the protobuf, base58btc).
const RFC8032_KEY = Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex")

describe("peer ids", () => {
  test("are the identity multihash of the key's protobuf", () => {
    const id = peerIdOf(RFC8032_KEY)
    expect(Buffer.from(id.toMultihash().bytes).toString("hex")).toBe(`002408011220${RFC8032_KEY.toString("hex")}`)
    expect(id.toString()).toMatch(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
    expect(Buffer.from(signingKeyOf(id) ?? [])).toEqual(RFC8032_KEY)
  })

  test("need a key of 32 bytes", () => {
    for (const length of [0, 31, 33, 64]) expect(() => peerIdOf(new Uint8Array(length))).toThrow(RangeError)
  })
})

describe("an address of a node", () => {
  const id = peerIdOf(kitKey("bob")).toString()

  test.each(["/ip4/192.0.2.7/tcp/7410", "/ip6/2001:db8::7/tcp/7410", "/dns4/node.example/tcp/7410"])("is read and written: %s", (where) => {
    const text = `${where}/p2p/${id}`
    const peer = unwrap(parsePeerAddress(text))
    expect(peer.addresses).toEqual([where])
    expect(Buffer.from(peer.signingKey)).toEqual(Buffer.from(kitKey("bob")))
    expect(formatPeerAddress(peer)).toBe(text)
  })

  test.each([
    "",
    "/",
    id,
    `/p2p/${id}`,
    "/ip4/192.0.2.7/tcp/7410",
    `/ip4/192.0.2.7/tcp/7410/p2p/`,
    `/ip4/192.0.2.7/tcp/7410/p2p/${id.slice(0, -1)}`,
    `/ip4/192.0.2.7/tcp/7410/p2p/${id}x`,
    `/ip4/192.0.2.7/tcp/7410/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N`,
    `/ip4/192.0.2.700/tcp/7410/p2p/${id}`,
    `/ip4/192.0.2.7/tcp/74100/p2p/${id}`,
    `/ip4/192.0.2.7/tcp/x/p2p/${id}`,
    `/nothing/192.0.2.7/p2p/${id}`,
    `/dns4/${"x".repeat(600)}/tcp/1/p2p/${id}`,
  ])("is refused: %j", (text) => {
    const result = parsePeerAddress(text)
    expect(result).toMatchObject({ ok: false, code: "ADDRESS_INVALID" })
    expect(result).not.toMatchObject({ message: expect.stringContaining("xxxx") })
  })

  test("never makes the parser throw", () => {
    const parts = fc.constantFrom("/", "ip4", "127.0.0.1", "tcp", "80", "p2p", id, "unix", "%", "dns4", "\0", "é")
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts).map((list) => list.join("/")),
        ),
        (text) => typeof parsePeerAddress(text).ok === "boolean",
      ),
    )
  })
})

test("only TCP addresses are dialed, and 16 of a peer at most", () => {
  const id = peerIdOf(kitKey("bob"))
  const dialed = (addresses: readonly string[]): string[] => dialable({ signingKey: kitKey("bob"), addresses }, id).map(String)
  const good = ["/ip4/192.0.2.7/tcp/1", "/ip6/2001:db8::7/tcp/65535", "/dns4/node.example/tcp/7410"]
  expect(dialed(good)).toEqual(good.map((address) => `${address}/p2p/${id.toString()}`))
  const bad = [
    "",
    "/",
    "x",
    "/unix/run/x",
    "/ip4/999.1.1.1/tcp/1",
    "/ip4/127.0.0.1/tcp/99999",
    "/ip4/127.0.0.1/udp/1",
    "/ip4/127.0.0.1/tcp/1/ws",
  ]
  expect(dialed([...bad, ...good])).toHaveLength(3)
  expect(dialed(Array.from({ length: 40 }, () => "/ip4/192.0.2.7/tcp/1"))).toHaveLength(16)
})
