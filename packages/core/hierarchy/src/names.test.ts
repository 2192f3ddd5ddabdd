import { refuse, unwrap } from "@keygrove/base"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  clusterBytes,
  decodeClusterBytes,
  decodeClusterId,
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  decodeTimestamp,
} from "./names.ts"
import { childPath, isBelow, parentPath, pathNames, ROOT_PATH } from "./paths.ts"

const names = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/)
const paths = fc.array(names, { minLength: 1, maxLength: 8 }).map((parts) => unwrap(decodeNodePath(`/${parts.join("/")}`)))

describe("paths", () => {
  test.each(["/", "/laptop", "/laptop/phone", "/a", "/a-b/0", `/${"x".repeat(32)}`, "/a/b/c/d/e/f/g/h"])("accepts %s", (path) => {
    expect(decodeNodePath(path)).toMatchObject({ ok: true, value: path })
  })

  test.each([
    "",
    "laptop",
    "//",
    "/laptop/",
    "/Laptop",
    "/-a",
    "/a-",
    "/a b",
    "/ä",
    "/..",
    "/.",
    "/a/../b",
    `/${"x".repeat(33)}`,
    "/a/b/c/d/e/f/g/h/i",
    "/a\n",
    "/a\0",
    "/a".repeat(5000),
  ])("refuses %j", (path) => {
    expect(decodeNodePath(path)).toMatchObject({ ok: false, code: "PATH_INVALID" })
  })

  test("refuses what is no text", () => {
    for (const value of [undefined, null, 1, ["/a"], { length: 1 }]) expect(decodeNodePath(value).ok).toBe(false)
  })

  test("a child's parent is the node, and lies below it and all above", () => {
    fc.assert(
      fc.property(paths, names, (path, name) => {
        const child = childPath(path, name)
        if (pathNames(path).length === 8) {
          expect(child).toMatchObject({ ok: false, code: "PATH_INVALID" })
          return
        }
        const value = unwrap(child)
        expect(parentPath(value)).toBe(path)
        expect(isBelow(value, path) && isBelow(value, ROOT_PATH)).toBe(true)
        expect(isBelow(path, value) || isBelow(path, path)).toBe(false)
      }),
    )
    expect(parentPath(ROOT_PATH)).toBeUndefined()
    expect(childPath(ROOT_PATH, "a/b").ok).toBe(false)
    expect(isBelow(unwrap(decodeNodePath("/laptop2")), unwrap(decodeNodePath("/laptop")))).toBe(false)
  })
})

test("counters go from 1 to 2³²−1", () => {
  for (const decode of [decodeGeneration, decodeEpoch]) {
    for (const value of [1, 2, 0xffff_ffff]) expect(decode(value)).toMatchObject({ ok: true, value })
    for (const value of [0, -1, 1.5, 0x1_0000_0000, Number.NaN, "1", undefined]) expect(decode(value).ok).toBe(false)
  }
})

test("cluster ids are 64 lower-case hex digits, 32 bytes on the wire", () => {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index)
  const cluster = unwrap(decodeClusterBytes(bytes))
  expect(clusterBytes(cluster)).toEqual(bytes)
  expect(decodeClusterId(cluster)).toMatchObject({ ok: true })
  for (const value of [cluster.toUpperCase(), cluster.slice(1), `${cluster}0`, 1])
    expect(decodeClusterId(value)).toMatchObject({ code: "CLUSTER_INVALID" })
  expect(decodeClusterBytes(bytes.slice(1))).toEqual(refuse("CLUSTER_INVALID", "a cluster id has 32 bytes"))
})

test("times are safe integers from 0", () => {
  for (const value of [0, 1_800_000_000_000, Number.MAX_SAFE_INTEGER]) expect(decodeTimestamp(value).ok).toBe(true)
  for (const value of [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, "0"]) expect(decodeTimestamp(value).ok).toBe(false)
})
