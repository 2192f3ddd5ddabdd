import type { KeyGenerationFacts } from "@keygrove/api"
import { element } from "./dom.ts"
import { lossSentence } from "./losses.ts"
import type { ShownPieces } from "./pieces-answers.ts"
import { counted, soon } from "./wording.ts"

/** How it is with the pieces, in a word and a sentence or two; and how to begin where there are none. */
export function piecesHead(pieces: ShownPieces, isServing: boolean): HTMLElement {
  return pieces.members < pieces.fewest ? beginning(pieces) : verdict(pieces, isServing)
}

/** What is not settled yet, in one line each. */
export function piecesNotes(pieces: ShownPieces): readonly HTMLElement[] {
  return notes(pieces).map((note) => element("p", { class: "hint" }, note))
}

function beginning({ fewest, isMember, members }: ShownPieces): HTMLElement {
  const what =
    "Your other machines can unlock one that restarts: a majority of them gives back the key that opens it, and fewer know nothing."
  const more = counted(fewest - members, "more machine")
  const next =
    members === 0
      ? `None does yet. It takes ${fewest} machines of this cluster; on each of them, run:`
      : `${counted(members, "machine")} of the ${fewest} that it takes ${members === 1 ? "is" : "are"} a member${isMember ? "" : ", this one is not"}. On ${more}, run:`
  return element(
    "div",
    { class: "beginning" },
    element("p", {}, `${what} ${next}`),
    element("pre", {}, element("code", {}, "keygrove pieces join")),
  )
}

function verdict({ generation, nodes }: ShownPieces, isServing: boolean): HTMLElement {
  const closed = nodes.filter(({ canUnlock }) => canUnlock === false).length
  const [mark, word] = nodes.some(({ canUnlock }) => canUnlock === null)
    ? ["waiting", isServing ? "Asking the members …" : "Nobody is asked while this node is locked"]
    : closed === 0
      ? ["good", "Every node can be unlocked now"]
      : ["due", `${closed} of ${counted(nodes.length, "node")} could not be unlocked now`]
  return element(
    "div",
    { class: "verdict" },
    element("p", { class: `badge ${mark}` }, word),
    element("p", { class: "meaning" }, generation === null ? "" : `${generationText(generation)} `, lossSentence(nodes)),
    closed === 0
      ? undefined
      : element(
          "p",
          { class: "meaning" },
          "With more of their holders on, they could be; until then their passphrases or key files open them.",
        ),
  )
}

function generationText({ generation, members, needed, shared }: KeyGenerationFacts): string {
  const who = shared === members ? `all ${members} members have shared` : `${shared} of ${members} members have shared`
  return `Key generation ${generation}: any ${needed} pieces open a node; ${who}.`
}

function notes({ fewest, generation, isMember, members, moves, sharing, starting }: ShownPieces): readonly string[] {
  const first = generation === null && starting === null && members >= fewest ? ["The first key generation begins in a moment."] : []
  const begun =
    starting === null
      ? []
      : [
          `Key generation ${starting.generation} is starting: ${starting.shared} of ${starting.members} members have shared, a majority must. Until then ${generation === null ? "pieces open nothing" : "the one before counts"}.`,
        ]
  const missing = (sharing?.missing ?? []).map(({ path, reason }) => `${path} does not keep this node’s piece yet: ${reason}`)
  const stranger = isMember || members < fewest ? [] : ["This node is no member: “keygrove pieces join” makes it one."]
  const moved = moves.map(
    (move) =>
      `${move.owner} has not shared in key generation ${move.generation}: its pieces are moved there without it ${soon(move.dueAt, Date.now())}.`,
  )
  return [...first, ...begun, ...moved, ...missing, ...stranger]
}
