import type { MeetView } from "@keygrove/api"
import { copyButton } from "./copy-button.ts"
import { button, element, type Child } from "./dom.ts"
import { differedView, failureView, heading, problemLine } from "./meeting-edges.ts"
import type { MeetingActs } from "./meeting-panel.ts"
import { qrCode } from "./qr-code.ts"
import { shortened } from "./wording.ts"

/** As the node's contract has it: letters, digits, spaces, . _ and -. */
const MAX_NICKNAME = 32

/** What one phase of a meeting looks like. */
export function meetingView(view: MeetView, acts: MeetingActs, hasDiffered: boolean): HTMLElement {
  switch (view.phase) {
    case "waiting":
      return view.code === null ? exchangingView(acts) : codeView(view.code, acts)
    case "exchanging":
      return exchangingView(acts)
    case "compare":
      return compareView(view, acts)
    case "waiting-for-other":
      return confirmedView(view, acts)
    case "done":
      return doneView(view, acts)
    case "failed":
      if (hasDiffered) return differedView(acts)
      return failureView(view.error ?? { code: "RPC_ANSWER_INVALID", message: "the node did not say why" }, acts)
    default:
      return view.phase satisfies never
  }
}

function codeView(code: string, acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "phase waiting" },
    heading("Let the other person scan this"),
    qrCode(code, "QR code of this meeting, for the other person’s camera"),
    element("p", { class: "hint" }, "With the camera of their console. Scanning alone gives nobody anything."),
    element(
      "details",
      { class: "as-text" },
      element("summary", {}, "As text, to type or paste"),
      element("p", { class: "code-text" }, element("code", { id: "meeting-code" }, code)),
      copyButton("Copy the code", "Copy the code of this meeting", code),
    ),
    remaining("Waiting for the other person", acts),
  )
}

function exchangingView(acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "phase" },
    heading("The two nodes are talking …"),
    element("p", {}, "Each proves to the other who it is. The words come in a moment."),
    remaining("This takes a moment", acts),
  )
}

function compareView(view: MeetView, acts: MeetingActs): HTMLElement {
  const nickname = element("input", {
    id: "nickname",
    maxlength: String(MAX_NICKNAME),
    autocomplete: "off",
    spellcheck: "false",
    value: view.other?.nickname ?? "",
  })
  return element(
    "div",
    { class: "phase compare" },
    heading("Read the four words to each other"),
    fourWords(view),
    element("p", {}, "Are they the same on both sides, in the same order?"),
    element("p", { class: "field" }, element("label", { for: "nickname" }, "What you call them (optional)"), nickname),
    element(
      "div",
      { class: "choices" },
      button("They are the same", { class: "primary" }, async () => await acts.confirm(nickname.value.trim())),
      button("They differ", { class: "danger" }, acts.differ),
    ),
    problemLine(),
    element("p", { class: "hint" }, element("span", { class: "time", "data-countdown": true }), " left"),
  )
}

function confirmedView(view: MeetView, acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "phase" },
    heading("You confirmed"),
    fourWords(view),
    remaining("Waiting until the other person confirms", acts),
  )
}

function doneView({ other }: MeetView, acts: MeetingActs): HTMLElement {
  const name = other?.nickname ?? (other === null ? "them" : shortened(other.cluster))
  return element(
    "div",
    { class: "phase done" },
    heading(`You and ${name} trust each other now`),
    element("p", {}, "It is on the ledgers of both. All your nodes know theirs, those that are off now as soon as they are back."),
    element("div", { class: "choices" }, button("Done", { class: "primary" }, acts.leave)),
  )
}

function fourWords({ other, words }: MeetView): HTMLElement {
  const list = element("ol", { class: "words" }, ...(words ?? []).map((word) => element("li", {}, word)))
  return element(
    "div",
    {},
    list,
    other === null
      ? undefined
      : element("p", { class: "hint" }, `The other side is ${other.path} of the cluster ${shortened(other.cluster)}`),
  )
}

/** What is waited for, how long still, and the way out. */
function remaining(what: Child, acts: MeetingActs): HTMLElement {
  return element(
    "div",
    { class: "remaining" },
    element("p", {}, what, ", ", element("span", { class: "time", "data-countdown": true }), " left"),
    button("Cancel", { class: "quiet" }, acts.cancel),
  )
}
