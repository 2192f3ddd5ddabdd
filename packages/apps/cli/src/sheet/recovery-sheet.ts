import { toHex } from "@keygrove/base"
import { encodeRootUri, type RootFacts } from "@keygrove/hierarchy"
import encodeQr from "qr"
import type { Drawing, Mark, Rectangle } from "./drawing.ts"

export type Paper = "a4" | "letter"

const PAPERS: Readonly<Record<Paper, { readonly width: number; readonly height: number }>> = {
  a4: { width: 595.28, height: 841.89 },
  letter: { width: 612, height: 792 },
}
/** Also for a printer that cannot print to the edge. */
const MARGIN = 44
/** 44 mm: a module of the 53 is then 0.8 mm, which any camera and printer can do. */
const QR_POINTS = 125
const WORD_COLUMNS = 4
const WORD_ROWS = 6
const SHARE_COLUMNS = 2
/** SLIP-39 has at most 16 shares. */
const SHARE_ROWS = 8

/** A page with what is public of a root, and room for what is written by hand. */
export function drawRecoverySheet(facts: RootFacts, paper: Paper): Drawing {
  const { height, width } = PAPERS[paper]
  const inner = { x: MARGIN, width: width - 2 * MARGIN }
  const short = facts.cluster.slice(0, 16)
  const marks: readonly Mark[] = [
    ...heading(inner.x, 56),
    ...identification(facts, inner.x, 108),
    ...qrCode(encodeRootUri(facts), { x: inner.x + inner.width - QR_POINTS, y: 40, width: QR_POINTS, height: QR_POINTS }),
    ...wordBoxes({ x: inner.x, y: 272, width: inner.width, height: 144 }),
    ...shareBoxes({ x: inner.x, y: 452, width: inner.width, height: 120 }),
    ...instructions(short, inner.x, 602),
  ]
  return { title: `Recovery sheet of Keygrove cluster ${short}`, width, height, marks }
}

function heading(x: number, y: number): readonly Mark[] {
  return [
    text("bold", 20, [x, y], "Keygrove recovery sheet"),
    ...lines([x, y + 16], 9, [
      "As printed it holds nothing secret. With the words on it, it is the root key:",
      "no photo, no scanner, no copier; two copies in two places.",
    ]),
  ]
}

function identification({ anchorKey, cluster }: RootFacts, x: number, y: number): readonly Mark[] {
  return [
    text("bold", 9, [x, y], "Cluster (fingerprint of the root's anchor)"),
    ...hexRows(cluster, x, y + 14),
    text("bold", 9, [x, y + 52], "Root anchor (Ed25519 public key)"),
    ...hexRows(toHex(anchorKey), x, y + 66),
    text("plain", 9, [x, y + 108], "Words written down on"),
    rule(x + 116, x + 212, y + 110),
    text("plain", 9, [x + 220, y + 108], "by"),
    rule(x + 238, x + 340, y + 110),
    frame({ x, y: y + 118, width: 9, height: 9 }),
    text("plain", 9, [x + 15, y + 126], "The words have a passphrase as well, which is kept at"),
    rule(x + 282, x + 480, y + 128),
  ]
}

/** 64 digits in two rows of eight groups. */
function hexRows(digits: string, x: number, y: number): readonly Mark[] {
  const groups = digits.match(/.{4}/g) ?? []
  return [0, 8].map((first, row) => text("mono", 10, [x, y + 13 * row], groups.slice(first, first + 8).join(" ")))
}

function qrCode(content: string, at: Rectangle): readonly Mark[] {
  // The library draws a border of at least one module; the page around the code is its quiet zone.
  const rows = encodeQr(content, "raw", { ecc: "medium", border: 1 })
    .slice(1, -1)
    .map((row) => row.slice(1, -1))
  const module = at.width / rows.length
  const areas = rows.flatMap((row, line) =>
    runs(row).map(([from, length]) => ({ x: at.x + from * module, y: at.y + line * module, width: length * module, height: module })),
  )
  return [
    { kind: "areas", areas },
    ...lines([at.x, at.y + at.height + 12], 8, ["The public part: what is printed", "under Cluster and Root anchor"]),
  ]
}

/** Where black modules follow each other, as [first, count]: one area each, so that no seams are seen between them. */
function runs(row: readonly boolean[]): readonly (readonly [number, number])[] {
  return row.flatMap((isBlack, index) => {
    if (!isBlack || row[index - 1] === true) return []
    const end = row.indexOf(false, index)
    return [[index, (end < 0 ? row.length : end) - index] as const]
  })
}

function wordBoxes(at: Rectangle): readonly Mark[] {
  const cell = { width: at.width / WORD_COLUMNS, height: at.height / WORD_ROWS }
  const cells = Array.from({ length: WORD_COLUMNS * WORD_ROWS }, (_, index): readonly Mark[] => {
    const x = at.x + (index % WORD_COLUMNS) * cell.width
    const y = at.y + Math.floor(index / WORD_COLUMNS) * cell.height
    return [frame({ x, y, ...cell }), text("plain", 8, [x + 4, y + 10], String(index + 1))]
  })
  return [text("bold", 11, [at.x, at.y - 8], "The 24 words, in order"), ...cells.flat()]
}

function shareBoxes(at: Rectangle): readonly Mark[] {
  const cell = { width: at.width / SHARE_COLUMNS, height: at.height / SHARE_ROWS }
  const cells = Array.from({ length: SHARE_COLUMNS * SHARE_ROWS }, (_, index): readonly Mark[] => {
    const x = at.x + Math.floor(index / SHARE_ROWS) * cell.width
    const y = at.y + (index % SHARE_ROWS) * cell.height
    return [frame({ x, y, ...cell }), text("plain", 8, [x + 4, y + 11], String(index + 1))]
  })
  const y = at.y - 8
  return [
    text("bold", 11, [at.x, y], "Who holds which share"),
    text("plain", 9, [at.x + 160, y], "(names, no words)    Any"),
    rule(at.x + 290, at.x + 320, y + 2),
    text("plain", 9, [at.x + 326, y], "of"),
    rule(at.x + 342, at.x + 372, y + 2),
    text("plain", 9, [at.x + 378, y], "open the root."),
    ...cells.flat(),
  ]
}

function instructions(cluster: string, x: number, y: number): readonly Mark[] {
  return [
    text("bold", 11, [x, y], "How to recover, on a clean machine with Keygrove"),
    ...lines([x, y + 16], 9, ["1. Make a node of this cluster again; it asks for the words:"]),
    text("mono", 9, [x + 12, y + 30], `keygrove init --recover --cluster ${cluster}`),
    ...lines([x + 12, y + 44], 9, [
      "With shares instead of the words add --shares; if the words have a passphrase, --words-passphrase;",
      "when another machine hosts the ledger, --ledger and its address.",
      "With the --name of before, the node has the keys of before.",
    ]),
    ...lines([x, y + 84], 9, ["2. Start it (keygrove up) and open your files (keygrove decrypt FILE.kg)."]),
    ...lines([x, y + 102], 9, ["To check this paper at any time, on any machine, without changing anything:"]),
    text("mono", 9, [x + 12, y + 116], `keygrove root verify --cluster ${cluster}`),
    ...lines([x, y + 136], 8, [
      "The words are BIP39, English, 256 bits; shares are SLIP-39 of the same 256 bits.",
      "How all keys come from them: docs/protocol/recovery.md of Keygrove.",
    ]),
  ]
}

function lines([x, first]: readonly [number, number], size: number, texts: readonly string[]): readonly Mark[] {
  return texts.map((each, row) => text("plain", size, [x, first + row * (size + 3)], each))
}

function text(font: "plain" | "bold" | "mono", size: number, [x, baseline]: readonly [number, number], content: string): Mark {
  return { kind: "text", x, baseline, size, font, text: content }
}

function frame(at: Rectangle): Mark {
  return { kind: "frame", at }
}

function rule(from: number, to: number, y: number): Mark {
  return { kind: "line", from: [from, y], to: [to, y] }
}
