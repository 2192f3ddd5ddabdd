import encodeQr from "qr"
import { drawing } from "./dom.ts"

/** Modules of white around the code (ISO/IEC 18004 §9.1). */
const QUIET = 4

/** A QR code as a drawing. Upper case lets it have fewer modules; what reads our codes takes both. */
export function qrCode(text: string, label: string): SVGSVGElement {
  const rows = encodeQr(text.toUpperCase(), "raw", { ecc: "medium", border: QUIET })
  const size = String(rows.length)
  // Neighbours as one bar, so that no seams are seen between them.
  const bars = rows.flatMap((row, y) => runs(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`))
  return drawing(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, class: "qr", "shape-rendering": "crispEdges" },
    drawing("rect", { width: size, height: size, fill: "#fff" }),
    drawing("path", { d: bars.join(""), fill: "#000" }),
  )
}

/** Where black modules follow each other, as [first, count]. */
export function runs(row: readonly boolean[]): readonly (readonly [number, number])[] {
  return row.flatMap((isBlack, index) => {
    if (!isBlack || row[index - 1] === true) return []
    const end = row.indexOf(false, index)
    return [[index, (end < 0 ? row.length : end) - index] as const]
  })
}
