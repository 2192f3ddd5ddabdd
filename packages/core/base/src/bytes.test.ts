import fc from "fast-check"
import { expect, test } from "vitest"
import { fromHex, toHex } from "./bytes.ts"
import { unwrap } from "./result.ts"

test("hex is what the platform writes, of any length, and reads back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = toHex(bytes)
      expect(text).toBe(Buffer.from(bytes).toString("hex"))
      expect(unwrap(fromHex(text.toUpperCase()))).toEqual(bytes)
    }),
  )
})

test.each(["0", "0g", " 00", "0x00", "é0"])("%j is no hex", (text) => expect(fromHex(text)).toMatchObject({ code: "HEX_INVALID" }))
