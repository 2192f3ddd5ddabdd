import { unreachable } from "@keygrove/base"
import { points, STROKE_POINTS, type Drawing, type Font, type Mark } from "./drawing.ts"

const FAMILIES: Readonly<Record<Font, string>> = {
  plain: 'font-family="Helvetica, Arial, sans-serif"',
  bold: 'font-family="Helvetica, Arial, sans-serif" font-weight="bold"',
  mono: "font-family=\"Courier, 'Courier New', monospace\"",
}

/** The page as SVG 1.1, in its size on paper, without scripts, links or anything from elsewhere. */
export function renderSvg({ height, marks, title, width }: Drawing): string {
  const size = `width="${points(width)}pt" height="${points(height)}pt" viewBox="0 0 ${points(width)} ${points(height)}"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size}>`,
    `<title>${escaped(title)}</title>`,
    // Browsers would print it with margins of their own, and so on two pages.
    `<style>@page { size: ${points(width)}pt ${points(height)}pt; margin: 0 }</style>`,
    '<rect width="100%" height="100%" fill="white"/>',
    ...marks.map(renderMark),
    "</svg>\n",
  ].join("\n")
}

function renderMark(mark: Mark): string {
  switch (mark.kind) {
    case "text":
      return `<text x="${points(mark.x)}" y="${points(mark.baseline)}" font-size="${points(mark.size)}" ${FAMILIES[mark.font]} xml:space="preserve">${escaped(mark.text)}</text>`
    case "line":
      return `<path d="M${mark.from.map(points).join(" ")}L${mark.to.map(points).join(" ")}" stroke="black" stroke-width="${STROKE_POINTS}"/>`
    case "frame": {
      const { height, width, x, y } = mark.at
      return `<rect x="${points(x)}" y="${points(y)}" width="${points(width)}" height="${points(height)}" fill="none" stroke="black" stroke-width="${STROKE_POINTS}"/>`
    }
    case "areas": {
      const path = mark.areas.map(
        ({ height, width, x, y }) => `M${points(x)} ${points(y)}h${points(width)}v${points(height)}h${points(-width)}z`,
      )
      return `<path d="${path.join("")}" shape-rendering="crispEdges"/>`
    }
    default:
      return unreachable(mark)
  }
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
