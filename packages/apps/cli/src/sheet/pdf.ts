import { unreachable } from "@keygrove/base"
import { points, STROKE_POINTS, type Drawing, type Font, type Mark } from "./drawing.ts"

/** Resource names of the three of the fourteen standard fonts (ISO 32000-1, 9.6.2.2) that are used. */
const FONTS: Readonly<Record<Font, string>> = { plain: "F1", bold: "F2", mono: "F3" }
const BASE_FONTS: readonly string[] = ["Helvetica", "Helvetica-Bold", "Courier"]

/**
 * The page as PDF 1.4 (ISO 32000-1): five kinds of objects, one content stream that is not compressed, no date and no identifier, so that the same facts
 * give the same bytes.
 */
export function renderPdf({ height, marks, title, width }: Drawing): string {
  // PDF counts from the bottom.
  const flipped = `1 0 0 -1 0 ${points(height)} cm`
  const content = ["q", flipped, `${STROKE_POINTS} w`, ...marks.map(renderMark), "Q"].join("\n")
  const fonts = Object.values(FONTS).map((name, index) => `/${name} ${FIRST_FONT + index} 0 R`)
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${points(width)} ${points(height)}] /Contents 4 0 R /Resources << /Font << ${fonts.join(" ")} >> >> >>`,
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    `<< /Title (${escaped(title)}) /Producer (Keygrove) >>`,
    ...BASE_FONTS.map((name) => `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`),
  ]
  return assembled(objects)
}

const INFO = 5
const FIRST_FONT = 6

/** The objects, numbered from 1, with the table of where they begin. All of it is ASCII: characters are bytes. */
function assembled(objects: readonly string[]): string {
  let file = "%PDF-1.4\n"
  const offsets = objects.map((object, index) => {
    const at = file.length
    file += `${index + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("")
  const trailer = `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R /Info ${INFO} 0 R >>\nstartxref\n${file.length}\n%%EOF\n`
  return `${file}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}${trailer}`
}

function renderMark(mark: Mark): string {
  switch (mark.kind) {
    case "text":
      // Turned over again, or it would stand on its head.
      return `BT /${FONTS[mark.font]} ${points(mark.size)} Tf 1 0 0 -1 ${points(mark.x)} ${points(mark.baseline)} Tm (${escaped(mark.text)}) Tj ET`
    case "line":
      return `${mark.from.map(points).join(" ")} m ${mark.to.map(points).join(" ")} l S`
    case "frame":
      return `${[mark.at.x, mark.at.y, mark.at.width, mark.at.height].map(points).join(" ")} re S`
    case "areas":
      return `${mark.areas.map(({ height, width, x, y }) => `${[x, y, width, height].map(points).join(" ")} re`).join("\n")} f`
    default:
      return unreachable(mark)
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\()]/g, "\\$&")
}
