import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { formatEndpoint, isLoopback, parseEtcdAddress } from "./address.ts"

describe("the address of a ledger in etcd", () => {
  test.each([
    ["etcd://one,two:1234,[::1]:7/grove", ["one:2379", "two:1234", "[::1]:7"], "/grove"],
    ["etcd://10.0.0.1/a/b_c/d.e-f", ["10.0.0.1:2379"], "/a/b_c/d.e-f"],
    ["etcd://Host.Example.org:65535/X", ["host.example.org:65535"], "/X"],
  ])("%s is read", (text, members, prefix) => {
    const address = unwrap(parseEtcdAddress(text))
    expect(address.endpoints.map(formatEndpoint)).toEqual(members)
    expect(address.prefix).toBe(prefix)
  })

  test.each([
    "",
    "etcd://",
    "etcd://one",
    "etcd://one/",
    "etcd:///grove",
    "etcd://one//grove",
    "etcd://one/grove/",
    "etcd://one/gr ove",
    "etcd://one/grove?x=1",
    "etcd://one,/grove",
    "etcd://one,one:2379/grove",
    "etcd://one:0/grove",
    "etcd://one:65536/grove",
    "etcd://one:x/grove",
    "etcd://user:password@one/grove",
    "etcd://[::1/grove",
    "etcd://[1.2.3.4]/grove",
    "etcd://-one/grove",
    "http://one/grove",
    `etcd://one/${"x".repeat(200)}`,
    `etcd://${Array.from({ length: 17 }, (_, index) => `m${index}`).join(",")}/grove`,
  ])("%s is refused", (text) => {
    expect(parseEtcdAddress(text)).toMatchObject({ ok: false, code: "ETCD_ADDRESS_INVALID" })
  })

  test("tells which members are on this machine", () => {
    const { endpoints } = unwrap(parseEtcdAddress("etcd://localhost,127.1.2.3,[::1],10.0.0.1,127.example.org/grove"))
    expect(endpoints.map(isLoopback)).toEqual([true, true, true, false, false])
  })
})
