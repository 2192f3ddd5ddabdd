import decodeQr from "qr/decode.js"
import { describe, expect, test } from "vitest"
import { terminalQr } from "./terminal-qr.ts"

/** The modules that a terminal shows, as a picture of so many points each. */
function pictureOf(text: string, scale: number): { readonly width: number; readonly height: number; readonly data: Uint8Array } {
  const lines = text.split("\n").map((line) => [...line.replace("\u001B[30;107m", "").replace("\u001B[0m", "")])
  const rows = lines.flatMap((line) => [line.map((each) => each === "█" || each === "▀"), line.map((each) => each === "█" || each === "▄")])
  const [width, height] = [(rows[0]?.length ?? 0) * scale, rows.length * scale]
  const data = new Uint8Array(width * height * 4).fill(255)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (rows[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true) data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3)
  return { width, height, data }
}

describe("a code on a terminal", () => {
  const code = `KGMEET1${"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L".repeat(6)}`

  test("is what a camera reads", () => {
    const shown = terminalQr(code, 80) ?? ""
    expect(decodeQr(pictureOf(shown, 4))).toBe(code)
    expect(shown.split("\n").every((line) => line.startsWith("\u001B[30;107m") && line.endsWith("\u001B[0m"))).toBe(true)
  })

  test("is left out where there is no room for it", () => {
    expect(terminalQr(code, 40)).toBeUndefined()
  })
})
