import { nativePrimitives } from "@keygrove/curves-native"
import { clusterIdOf, encodeRootUri } from "@keygrove/hierarchy"
import { describe, expect, test } from "vitest"
import type { Drawing } from "./drawing.ts"
import { renderPdf } from "./pdf.ts"
import { drawRecoverySheet } from "./recovery-sheet.ts"
import { renderSvg } from "./svg.ts"

const anchorKey = Uint8Array.from({ length: 32 }, (_, index) => index)
const facts = { cluster: clusterIdOf(nativePrimitives, anchorKey), anchorKey }
const page: Drawing = {
  title: "a (b) \\ <c> & d",
  width: 100,
  height: 50,
  marks: [
    { kind: "text", x: 1, baseline: 10.005, size: 8, font: "mono", text: "a (b) \\ <c> & d" },
    { kind: "line", from: [0, 1], to: [2, 3] },
    { kind: "frame", at: { x: 1, y: 2, width: 3, height: 4 } },
    { kind: "areas", areas: [{ x: 5, y: 6, width: 7, height: 8 }] },
  ],
}

describe("the sheet", () => {
  test.each(["a4", "letter"] as const)("%s: everything is on the page, in ASCII, with boxes for 24 words and 16 shares", (paper) => {
    const { height, marks, width } = drawRecoverySheet(facts, paper)
    const texts = marks.flatMap((mark) => (mark.kind === "text" ? [mark] : []))
    // Courier's characters are 0.6 as wide as its size; Helvetica's are narrower, but where it is missing, others as wide take its place.
    for (const { baseline, size, text, x } of texts) {
      expect(text).toMatch(/^[ -~]+$/)
      expect(x + text.length * size * 0.6).toBeLessThan(width - 10)
      expect(baseline).toBeLessThan(height - 30)
    }
    for (const mark of marks)
      if (mark.kind === "areas")
        for (const area of mark.areas) {
          expect(area.x + area.width).toBeLessThan(width - 40)
          expect(area.x).toBeGreaterThan(width / 2)
        }
    expect(marks.filter(({ kind }) => kind === "frame")).toHaveLength(24 + 16 + 1)
    expect(texts.map(({ text }) => text)).toContain(`keygrove root verify --cluster ${facts.cluster.slice(0, 16)}`)
  })

  test("the same facts make the same bytes, and the address is in them only as a picture", () => {
    for (const render of [renderPdf, renderSvg]) {
      const made = render(drawRecoverySheet(facts, "a4"))
      expect(made).toBe(render(drawRecoverySheet(facts, "a4")))
      expect(made).not.toContain(encodeRootUri(facts))
      expect(made).not.toMatch(/20\d\d-|D:20/)
    }
  })
})

describe("PDF", () => {
  const file = renderPdf(page)

  test("the table says where each object begins, and the stream how long it is", () => {
    const table = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(file)?.[1])
    expect(file.slice(table)).toMatch(/^xref\n0 9\n/)
    const offsets = [...file.slice(table).matchAll(/^(\d{10}) 00000 n $/gm)].map((match) => Number(match[1]))
    expect(offsets).toHaveLength(8)
    offsets.forEach((offset, index) => expect(file.slice(offset)).toMatch(new RegExp(`^${index + 1} 0 obj\n`)))
    const [, length, content = ""] = /\/Length (\d+) >>\nstream\n([^]*)\nendstream/.exec(file) ?? []
    expect(content).toHaveLength(Number(length))
    expect(Buffer.byteLength(file)).toBe(file.length)
  })

  test("what means something in a string is escaped", () => {
    expect(file).toContain("(a \\(b\\) \\\\ <c> & d) Tj")
    expect(file).toContain("/Title (a \\(b\\) \\\\ <c> & d)")
  })
})

test("SVG: what means something in a text is escaped, and numbers are short", () => {
  const file = renderSvg(page)
  expect(file).toContain("<title>a (b) \\ &lt;c&gt; &amp; d</title>")
  expect(file).toMatch(/<text x="1" y="10(\.01)?" font-size="8" /)
  expect(file).not.toMatch(/\d\.\d{3}/)
  expect(file.endsWith("</svg>\n")).toBe(true)
})
