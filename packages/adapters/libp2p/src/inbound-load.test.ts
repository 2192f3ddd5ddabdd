import { MAX_PEER_REQUESTS } from "@keygrove/service"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { InboundLoad, MAX_HELD_BYTES, type Room } from "./inbound-load.ts"

test("a peer has 64 requests under way; others have theirs", () => {
  const load = new InboundLoad()
  const rooms = Array.from({ length: MAX_PEER_REQUESTS }, () => load.admit("a"))
  expect(rooms.every((room) => room !== undefined)).toBe(true)
  expect(load.admit("a")).toBeUndefined()
  expect(load.admit("b")).toBeDefined()
  rooms[0]?.[Symbol.dispose]()
  rooms[0]?.[Symbol.dispose]()
  expect(load.admit("a")).toBeDefined()
  expect(load.admit("a")).toBeUndefined()
})

test("all together hold no more bytes than the limit; what is refused changes nothing", () => {
  const load = new InboundLoad()
  const [first, second] = [load.room(), load.room()]
  expect(first.keep(MAX_HELD_BYTES - 10)).toBe(true)
  expect(second.keep(10)).toBe(true)
  expect(second.keep(11)).toBe(false)
  expect(load.heldBytes).toBe(MAX_HELD_BYTES)
  expect(first.keep(5)).toBe(true)
  expect(second.keep(MAX_HELD_BYTES - 5)).toBe(true)
  second[Symbol.dispose]()
  expect(second.keep(1)).toBe(false)
  expect(load.heldBytes).toBe(5)
})

test("whatever comes and goes, the sum is that of what is there", () => {
  const steps = fc.array(
    fc.record({ slot: fc.nat({ max: 5 }), action: fc.constantFrom("admit", "keep", "end"), bytes: fc.nat({ max: MAX_HELD_BYTES }) }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, (taken) => {
      const load = new InboundLoad()
      const rooms = new Map<number, { readonly room: Room; bytes: number }>()
      for (const { slot, action, bytes } of taken) {
        const known = rooms.get(slot)
        if (action === "admit" && known === undefined) {
          const room = load.admit(`peer ${slot % 2}`)
          if (room !== undefined) rooms.set(slot, { room, bytes: 0 })
        } else if (action === "keep" && known?.room.keep(bytes) === true) known.bytes = bytes
        else if (action === "end") {
          known?.room[Symbol.dispose]()
          rooms.delete(slot)
        }
        const sum = [...rooms.values()].reduce((total, each) => total + each.bytes, 0)
        expect(load.heldBytes).toBe(sum)
        expect(sum).toBeLessThanOrEqual(MAX_HELD_BYTES)
      }
    }),
  )
})
