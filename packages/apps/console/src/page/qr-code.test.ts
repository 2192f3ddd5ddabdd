import decodeQR from "qr/decode.js"
import encodeQr from "qr"
import { expect, test } from "vitest"
import { runs } from "./qr-code.ts"

test("rows of a code are bars that cover its black modules, and nothing else", () => {
  for (const row of encodeQr("KGMEET1QQQ", "raw", { border: 4 })) {
    const covered = row.map(() => false)
    for (const [from, length] of runs(row)) covered.fill(true, from, from + length)
    expect(covered).toEqual(row)
  }
  expect(runs([true, true, false, true])).toEqual([
    [0, 2],
    [3, 1],
  ])
})

test("the decoder reads what the encoder draws, in upper case, at the size a camera sees", () => {
  const text = `KGMEET1${"023456789ACDEFGHJKLMNPQRSTUVWXYZ".repeat(10)}`
  const rows = encodeQr(text, "raw", { ecc: "medium", border: 4, scale: 6 })
  const pixels = rows.flatMap((row) => row.flatMap((isBlack) => (isBlack ? [0, 0, 0, 255] : [255, 255, 255, 255])))
  expect(decodeQR({ width: rows.length, height: rows.length, data: Uint8Array.from(pixels) })).toBe(text)
})
