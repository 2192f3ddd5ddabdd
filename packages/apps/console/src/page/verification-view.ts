import type { PiecesVerification } from "@keygrove/api"
import { element } from "./dom.ts"
import { counted } from "./wording.ts"

type Proof = PiecesVerification["pieces"][number]

/** What every holder proved of what the ledger says that it keeps. */
export function verificationView(pieces: PiecesVerification["pieces"]): HTMLElement {
  const proved = pieces.filter(({ state }) => state === "proved").length
  const holders = Map.groupBy(pieces, ({ holder }) => holder)
  const rows = [...holders].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([holder, proofs]) => holderView(holder, proofs))
  return element(
    "div",
    { class: "verification" },
    element("p", {}, `${proved} of ${counted(pieces.length, "piece")} proved.`),
    element("ul", { class: "clusters" }, ...rows),
  )
}

function holderView(holder: string, proofs: readonly Proof[]): HTMLElement {
  const bad = proofs.filter(({ state }) => state !== "proved")
  const mark = bad.length === 0 ? "good" : bad.every(({ state }) => state === "unreachable") ? "waiting" : "gone"
  return element(
    "li",
    { class: `node ${mark}` },
    element("span", { class: "node-name" }, holder),
    element("span", { class: "node-state" }, `${proofs.length - bad.length} of ${proofs.length} proved`),
    ...reasonsOf(bad).map((text) => element("span", { class: "node-keys" }, text)),
  )
}

const STATES = {
  proved: "proved",
  lost: "it says that it has no such piece",
  wrong: "its proof does not hold",
  unreachable: "it does not answer",
} as const

/** One line for all that failed in the same way. */
function reasonsOf(bad: readonly Proof[]): readonly string[] {
  const groups = Map.groupBy(bad, ({ state }) => state)
  return [...groups].map(([state, proofs]) => {
    const what = proofs.map(({ generation, owner }) => `${owner} (generation ${generation})`).join(", ")
    return `${STATES[state]}: ${proofs.length === 1 ? "the piece" : "pieces"} of ${what}`
  })
}
