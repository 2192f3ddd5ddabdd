import type { PiecesNode, PiecesOfNode } from "@keygrove/api"
import { element } from "./dom.ts"
import { markOf, shortNames, spareOf, type PieceMark } from "./losses.ts"
import { counted } from "./wording.ts"

/** More holders than fit beside each other are counted only. */
const MAX_HOLDER_COLUMNS = 32

const MARKS: Readonly<Record<PieceMark, string>> = {
  on: "keeps a piece and answers now",
  off: "keeps a piece and does not answer",
  unknown: "keeps a piece",
  none: "keeps none",
  self: "the node itself",
}

/** Who keeps whose pieces: a row for each node and key generation, a column for each holder. `gone` are machines that the person thinks away. */
export function piecesTable(nodes: readonly PiecesNode[], gone: ReadonlySet<string>): HTMLElement {
  const holders = nodes.length > MAX_HOLDER_COLUMNS ? [] : nodes.map(({ path }) => path)
  const names = shortNames(nodes.map(({ path }) => path))
  const heads = holders.map((path) =>
    element(
      "th",
      { scope: "col", class: `holder${gone.has(path) ? " away" : ""}`, title: path },
      element("span", {}, names.get(path) ?? path),
    ),
  )
  return element(
    "table",
    { class: "pieces" },
    element("caption", { class: "visually-hidden" }, "Who keeps pieces of whose storage key, by key generation"),
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "Node"),
        ...heads,
        element("th", { scope: "col" }, "Pieces"),
        element("th", { scope: "col" }, "May be lost"),
      ),
    ),
    ...nodes.map((node) => ownerRows(node, holders, gone)),
  )
}

/** What the marks of the table mean, where it has some. */
export function piecesLegend(nodes: readonly PiecesNode[]): HTMLElement | undefined {
  if (nodes.length > MAX_HOLDER_COLUMNS || nodes.every(({ sharings }) => sharings.length === 0)) return undefined
  const shown: readonly PieceMark[] = nodes.some(({ isOn }) => isOn !== null) ? ["on", "off", "none", "self"] : ["unknown", "none", "self"]
  const items = shown.map((mark) => element("li", {}, element("span", { class: `piece ${mark}`, "aria-hidden": "true" }), MARKS[mark]))
  return element("ul", { class: "legend", "aria-hidden": "true" }, ...items)
}

function ownerRows(node: PiecesNode, holders: readonly string[], gone: ReadonlySet<string>): HTMLElement {
  const { path, sharings } = node
  const rows: readonly (PiecesOfNode | undefined)[] = sharings.length === 0 ? [undefined] : sharings
  const span = String(rows.length)
  const spare = spareOf(node)
  return element(
    "tbody",
    { class: `${node.self ? "self" : ""}${gone.has(path) ? " away" : ""}` },
    ...rows.map((sharing, index) =>
      element(
        "tr",
        {},
        index === 0 ? element("th", { scope: "rowgroup", rowspan: span }, ownerHead(node)) : undefined,
        ...holders.map((holder) => pieceCell(node, sharing, { path: holder, isAway: gone.has(holder) })),
        element("td", {}, ...sharingText(sharing, holders.length === 0)),
        index === 0 ? element("td", { rowspan: span }, element("span", {}, spare === undefined ? "–" : spareText(spare))) : undefined,
      ),
    ),
  )
}

function ownerHead(node: PiecesNode): HTMLElement {
  const { mark, word } = verdictOf(node)
  const isOn = node.isOn === null ? "not asked yet" : node.isOn ? "answers" : "does not answer"
  return element(
    "div",
    { class: "owner" },
    element("span", { class: `lamp ${node.isOn === true ? "on" : ""}`, title: isOn, role: "img", "aria-label": isOn }),
    element(
      "span",
      { class: "who" },
      element("span", { class: "node-name" }, node.path),
      node.self ? element("span", { class: "you" }, "this node") : undefined,
    ),
    element("span", { class: `node-state ${mark}` }, word),
  )
}

/** Whether a node could be unlocked now. */
function verdictOf({ canUnlock, evidence, sharings, unlock }: PiecesNode): { readonly word: string; readonly mark: string } {
  const spare = ({ holders, needed }: PiecesOfNode): number => holders.length - needed
  const [best] = sharings.toSorted((a, b) => onOf(b) - b.needed - (onOf(a) - a.needed) || spare(b) - spare(a))
  if (best === undefined) return { word: "no pieces yet", mark: "due" }
  if (canUnlock === null) return { word: "not asked yet", mark: "waiting" }
  if (!canUnlock) return { word: `could not be unlocked: ${onOf(best)} of ${best.needed} answer`, mark: "gone" }
  const terms = [...(unlock === "approve" ? ["when approved"] : []), ...(evidence === null ? [] : ["from its own machine"])]
  return { word: ["can be unlocked", ...terms].join(", "), mark: "good" }
}

function pieceCell(
  node: PiecesNode,
  sharing: PiecesOfNode | undefined,
  { isAway, path }: { readonly path: string; readonly isAway: boolean },
): HTMLElement {
  const mark = markOf(node.path, sharing ?? { holders: [] }, path)
  const meaning = MARKS[mark]
  return element(
    "td",
    { class: `mark${isAway ? " away" : ""}`, title: mark === "self" ? meaning : `${path} ${meaning}` },
    element("span", { class: `piece ${mark}` }, element("span", { class: "visually-hidden" }, meaning)),
  )
}

function sharingText(sharing: PiecesOfNode | undefined, isCounted: boolean): readonly (Node | string)[] {
  if (sharing === undefined) return ["none yet"]
  const { generation, holders, movedBy, needed } = sharing
  const opens = `any ${needed} of ${holders.length}${isCounted ? `, ${onOf(sharing)} answer` : ""}`
  const moved = movedBy === null ? "" : `, moved by ${movedBy}`
  return [element("span", {}, opens), element("span", { class: "generation" }, `generation ${generation}${moved}`)]
}

function onOf({ holders }: PiecesOfNode): number {
  return holders.filter(({ isOn }) => isOn !== false).length
}

function spareText(spare: number): string {
  return spare === 0 ? "none" : `any ${counted(spare, "holder")}`
}
