import { button, element } from "./dom.ts"
import type { MeetingActs } from "./meeting-panel.ts"
import type { NodeRefusal } from "./node-client.ts"
import { refusalProse } from "./prose.ts"

/** A heading that the keyboard can be put on. */
export function heading(text: string): HTMLElement {
  return element("h3", { tabindex: "-1" }, text)
}

/** Where a refusal is told beside what was asked for. */
export function problemLine(): HTMLElement {
  return element("p", { class: "problem", role: "alert" })
}

/** The beginning: who shows, and who scans. */
export function startView(acts: MeetingActs, isLocked: boolean): HTMLElement {
  return element(
    "div",
    { class: "phase start" },
    element(
      "p",
      {},
      "Be together, or on a call where you know each other. One shows a code and the other scans it; you compare four words, and both confirm. Then all your nodes know each other.",
    ),
    element(
      "div",
      { class: "choices" },
      button("Show my code", { class: "primary", disabled: isLocked }, acts.show),
      button("Scan their code", { disabled: isLocked }, acts.scan),
    ),
    problemLine(),
    isLocked ? element("p", { class: "hint" }, "The node is locked and cannot meet anybody.") : undefined,
  )
}

/** A meeting that the node does not tell of any more, e.g. after it was restarted: what became of it is among the trusted clusters. */
export function lostView(refusal: NodeRefusal, acts: MeetingActs): HTMLElement {
  return endView("This meeting cannot be followed any more", refusal, acts)
}

/** A meeting that ended without trust, and why. */
export function failureView(refusal: NodeRefusal, acts: MeetingActs): HTMLElement {
  return endView("The meeting ended, and nothing was changed", refusal, acts)
}

function endView(title: string, refusal: NodeRefusal, acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "phase failed" },
    heading(title),
    element("p", {}, ...refusalProse(refusal)),
    element("div", { class: "choices" }, button("Start again", { class: "primary" }, acts.leave)),
  )
}

/** The words were not the same: what that means. */
export function differedView(acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "phase failed" },
    heading("You stopped the meeting, and nothing was changed"),
    element(
      "p",
      {},
      "Different words mean that the two nodes did not talk to each other, but to something in between. Try again over another network; if the words differ again, do not meet over this one.",
    ),
    element("div", { class: "choices" }, button("Start again", { class: "primary" }, acts.leave)),
  )
}
