import * as fc from "fast-check"
import { expect, test } from "vitest"
import { OrderedMap } from "./ordered-map.ts"

const changes = fc.array(fc.tuple(fc.constantFrom("set", "delete"), fc.nat(40)), { maxLength: 200 })

test("it is what a Map sorted by its keys is, and old maps stay as they were", () => {
  fc.assert(
    fc.property(changes, fc.nat(41), (steps, from) => {
      const twin = new Map<number, number>()
      const history: { readonly map: OrderedMap<number, number>; readonly entries: readonly (readonly [number, number])[] }[] = []
      let map = OrderedMap.empty<number, number>()
      for (const [index, [step, key]] of steps.entries()) {
        if (step === "set") {
          twin.set(key, index)
          map = map.set(key, index)
        } else {
          twin.delete(key)
          map = map.delete(key)
        }
        history.push({ map, entries: [...twin].toSorted(([a], [b]) => a - b) })
      }
      for (const { map: old, entries } of history) {
        expect([...old.entries()]).toEqual(entries)
        expect([...old.entries(from)]).toEqual(entries.filter(([key]) => key >= from))
        expect([...old.values()]).toEqual(entries.map(([, value]) => value))
        expect(old.size).toBe(entries.length)
        for (const [key, value] of entries) expect(old.get(key)).toBe(value)
      }
    }),
  )
})

test("keys that come in order leave it flat: a walk of 100,000 keys does not overflow, and each is found", () => {
  let map = OrderedMap.empty<string, number>()
  for (let key = 0; key < 100_000; key++) map = map.set(key.toString().padStart(6, "0"), key)
  expect(map.size).toBe(100_000)
  expect([...map.entries("099998")]).toEqual([
    ["099998", 99_998],
    ["099999", 99_999],
  ])
  for (let key = 0; key < 100_000; key += 2) map = map.delete(key.toString().padStart(6, "0"))
  expect(map.size).toBe(50_000)
  expect(map.get("000001")).toBe(1)
  expect(map.has("000002")).toBe(false)
})
