import type { PiecesUnlocking } from "@keygrove/api"
import { element } from "./dom.ts"

/** Whom a locked node waits for, and what a person can do about it. */
export function unlockingView(unlocking: PiecesUnlocking, path: string): HTMLElement {
  const { given, needed, problem, refused, request, unreachable, waiting } = unlocking
  const said = `${given} of ${needed} pieces were given`
  const command = `keygrove unlock approve ${path} --request ${request}`
  return element(
    "div",
    { class: "unlocking" },
    element(
      "p",
      { class: "given" },
      element("label", { for: "pieces-given" }, said),
      element("progress", { id: "pieces-given", value: String(given), max: String(Math.max(needed, 1)) }),
    ),
    problem === null
      ? undefined
      : element("p", { class: "warning" }, `This machine cannot show what its holders ask of it (${problem.code}): ${problem.message}`),
    waiting.length === 0
      ? undefined
      : element(
          "div",
          { class: "asked" },
          element("p", {}, "A person has to approve this request, in the console of one of the nodes below or by the command:"),
          element("p", { class: "digits" }, element("code", {}, request)),
          element("pre", {}, element("code", {}, command)),
        ),
    element(
      "ul",
      { class: "clusters", "aria-label": "What its peers say" },
      ...waiting.map((peer) => peerView(peer, "due", "waits for an approval")),
      ...refused.map((peer) => peerView(peer.path, "gone", "refuses", peer.reason)),
      ...unreachable.map((peer) => peerView(peer.path, "waiting", "does not answer", peer.reason)),
    ),
  )
}

function peerView(path: string, mark: string, word: string, reason?: string): HTMLElement {
  return element(
    "li",
    { class: `node ${mark}` },
    element("span", { class: "node-name" }, path),
    element("span", { class: "node-state" }, word),
    reason === undefined ? undefined : element("span", { class: "node-keys" }, reason),
  )
}
