import type { KeyGeneration, PiecesInGeneration, PiecesMember, PiecesState } from "keygrove/rpc"
import { relativeTime, table } from "../text.ts"

/** More holders than fit beside each other are counted only. */
const MAX_COLUMNS = 24

/** Who keeps whose pieces: one line a node, one column a holder, and what it means. `now` in milliseconds since 1970. */
export function piecesPicture(pieces: PiecesState, now: number = Date.now()): string {
  if (pieces.members === 0) return "no node of this cluster has its pieces at others; `keygrove pieces join` begins"
  const lines = [generationLine(pieces), "", memberTable(pieces)]
  if (pieces.nodes.length <= MAX_COLUMNS)
    lines.push("", "■ keeps a piece and answers now   □ keeps one and does not answer   · keeps none   - the node itself")
  const notes = [
    ...lossLines(pieces),
    ...evidenceLines(pieces),
    ...startingLines(pieces),
    ...moveLines(pieces, now),
    ...sharingLines(pieces),
    ...pieces.troubles,
    ...liarLines(pieces),
  ]
  return [...lines, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n")
}

function generationLine({ fewest, generation, isMember, members, path }: PiecesState): string {
  const own = isMember ? "" : `; ${path} is none of them`
  const count = `${members} ${members === 1 ? "member" : "members"}${own}`
  if (generation === null)
    return members < fewest
      ? `${count}; pieces are shared once there are ${fewest}`
      : `${count}; the first key generation is not complete yet`
  return `${count}; key generation ${generation.generation}: any ${generation.needed} pieces open a node, ${sharedText(generation)}`
}

function sharedText({ members, shared }: KeyGeneration): string {
  return shared === members ? "all have shared" : `${shared} of ${members} have shared`
}

function memberTable({ generation, nodes }: PiecesState): string {
  const isWide = nodes.length > MAX_COLUMNS
  const columns = isWide ? [] : nodes.map((_node, index) => String(index + 1))
  const header = ["", "node", "now", ...columns, "pieces", "can be unlocked now", "may lose"]
  const rows = nodes.map((node, index) => {
    const marks = isWide ? [] : nodes.map((holder) => markOf(node, holder))
    return [
      String(index + 1),
      `${node.path}${node.self ? " *" : ""}`,
      node.isOn === true ? "on" : "off",
      ...marks,
      piecesText(node, generation?.generation),
      unlockText(node),
      mayLose(node),
    ]
  })
  return table(header, rows)
}

function markOf(owner: PiecesMember, { path }: PiecesMember): string {
  if (owner.path === path) return "-"
  const holder = bestOf(owner)?.holders.find((each) => each.path === path)
  return holder === undefined ? "·" : holder.isOn === false ? "□" : "■"
}

/** The pieces of a node that the most holders could give back now, or, where that is the same, if all were on. */
function bestOf({ sharings }: PiecesMember): PiecesInGeneration | undefined {
  const spare = ({ holders, needed }: PiecesInGeneration): number => holders.length - needed
  return sharings.toSorted((a, b) => onOf(b) - b.needed - (onOf(a) - a.needed) || spare(b) - spare(a))[0]
}

function onOf({ holders }: PiecesInGeneration): number {
  return holders.filter(({ isOn }) => isOn !== false).length
}

function piecesText(node: PiecesMember, current: number | undefined): string {
  const best = bestOf(node)
  if (best === undefined) return "none yet"
  const older = best.generation === current ? "" : `, generation ${best.generation}`
  return `${best.holders.length}, needs ${best.needed}${older}${best.movedBy === null ? "" : `, moved by ${best.movedBy}`}`
}

function unlockText(node: PiecesMember): string {
  if (node.canUnlock === true)
    return ["yes", ...(node.unlock === "approve" ? ["when approved"] : []), ...(node.evidence === null ? [] : ["with evidence"])].join(", ")
  const best = bestOf(node)
  return best === undefined ? "no" : `no: ${onOf(best)} of ${best.needed} answer`
}

/** How many machines may die without that the node's pieces are lost. */
function mayLose({ losses }: PiecesMember): string {
  const [smallest] = losses
  return smallest === undefined ? "-" : String(smallest.length - 1)
}

/** What would be lost if which machines died. */
function lossLines({ nodes }: PiecesState): readonly string[] {
  const closed = nodes.filter(({ losses }) => losses.length === 0).map(({ path }) => path)
  const without =
    closed.length === 0 ? [] : [`${closed.join(", ")}: only a passphrase or key file opens ${closed.length === 1 ? "it" : "them"} now`]
  const [first] = nodes
    .flatMap(({ losses: [smallest] }) => (smallest === undefined ? [] : [smallest]))
    .toSorted((a, b) => a.length - b.length)
  if (first === undefined) return without
  const touched = nodes.filter(({ losses }) =>
    losses.some((set) => set.length === first.length && set.every((path) => first.includes(path))),
  )
  const safe =
    first.length === 1 ? "no machine may be lost" : `any ${first.length === 2 ? "one machine" : `${first.length - 1} machines`} may be lost`
  const whom = touched.map(({ path }) => path).filter((path) => !first.includes(path))
  const example = `without ${first.join(" and ")}, for example, only a passphrase or key file would open ${whom.join(", ")}`
  return [`${safe}; ${example}`, ...without]
}

/** Of whose machines more is asked than the boot key, and which states are accepted. */
function evidenceLines({ nodes }: PiecesState): readonly string[] {
  return nodes.flatMap(({ evidence, path }) => {
    if (evidence === null) return []
    const states = evidence.digests.map((digest) => `${digest.slice(0, 16)}…`).join(" or ")
    return [`${path} has to show evidence (${evidence.family}): registers ${evidence.pcrs.join(",")} with the digest ${states}`]
  })
}

function startingLines({ starting }: PiecesState): readonly string[] {
  if (starting === null) return []
  return [
    `key generation ${starting.generation} is starting: ${starting.shared} of ${starting.members} have shared, ${starting.needed} must; until then the one before counts`,
  ]
}

/** Whose pieces go to the current key generation without them. */
function moveLines({ moves }: PiecesState, now: number): readonly string[] {
  return moves.map(({ attempts, dueAt, generation, owner }) => {
    const when = dueAt.getTime() > now ? relativeTime(dueAt.getTime(), now) : "now"
    const before = attempts === 0 ? "" : `; ${attempts} ${attempts === 1 ? "attempt" : "attempts"} came to nothing yet`
    return `${owner} has not shared in key generation ${generation}: its pieces are moved there without it ${when}${before}`
  })
}

function sharingLines({ sharing }: PiecesState): readonly string[] {
  return (sharing?.missing ?? []).map(({ path, reason }) => `${path} does not keep this node's piece yet: ${reason}`)
}

function liarLines({ liars }: PiecesState): readonly string[] {
  return liars.map(({ path, what }) => `${path} does not keep to the protocol: ${what}`)
}
