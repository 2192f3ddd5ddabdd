import * as fc from "fast-check"
import { expect, test } from "vitest"
import { HexMap } from "./hex-map.ts"

const keys = fc.string({ unit: fc.constantFrom("0", "1", "a", "f"), minLength: 6, maxLength: 6 })

test("agrees with Map, iterates in key order, and leaves old versions alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.nat())), (changes) => {
      const plain = new Map<string, number>()
      let map = HexMap.empty<number>()
      const versions: { readonly map: HexMap<number>; readonly entries: string }[] = []
      for (const [key, value] of changes) {
        plain.set(key, value)
        map = map.set(key, value)
        versions.push({ map, entries: JSON.stringify([...map.entries()]) })
      }
      expect([...map.entries()]).toEqual([...plain].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      expect(map.size).toBe(plain.size)
      for (const [key, value] of plain) expect(map.get(key)).toBe(value)
      expect(map.has("222222")).toBe(false)
      for (const version of versions) expect(JSON.stringify([...version.map.entries()])).toBe(version.entries)
    }),
  )
})

test("refuses keys that are not lower-case hex", () => {
  expect(() => HexMap.empty<number>().set("aa", 1).set("zz", 2)).toThrow(RangeError)
})
