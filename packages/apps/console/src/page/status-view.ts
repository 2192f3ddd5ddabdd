import type { ShownStatus } from "./answers.ts"
import { element, type Child } from "./dom.ts"
import { copyButton } from "./copy-button.ts"
import { prose } from "./prose.ts"
import { ago, counted, shortened } from "./wording.ts"

/** How the node is: its state first, then what it is, then what needs the person's attention. */
export function statusView(status: ShownStatus): Node {
  const { cluster, epoch, generation, id, ledger, path, peers, policies, remaking, startedAt, version, warnings } = status
  const view = document.createDocumentFragment()
  view.append(
    element(
      "div",
      { class: "state" },
      element("p", { class: `badge ${status.state === "serving" ? "good" : "due"}` }, status.state === "serving" ? "Serving" : "Locked"),
      element("p", { class: "name" }, path),
      element("p", { class: "meaning" }, meaningOf(status)),
    ),
    element(
      "dl",
      { class: "facts" },
      ...fact("Cluster", mono(shortened(cluster), cluster)),
      ...fact("Identity", mono(shortened(id), id), copyButton("Copy", "Copy my identity, kg1…", id)),
      ...fact("Keys", `generation ${generation}, epoch ${epoch}`),
      ...fact("Ledger", `${ROLES[ledger.role]}, ${counted(ledger.length, "entry", "entries")}`),
      ...fact("Head", mono(shortened(ledger.head), ledger.head)),
      ...fact("Peers", peers === 0 ? "none connected" : `${counted(peers, "node")} connected`),
      ...fact("Policies", `${policies.granted} granted, ${policies.readable} to read by`),
      ...(remaking.labels + remaking.policies === 0
        ? []
        : fact("Left of a rekey", `${counted(remaking.labels, "label")}, ${counted(remaking.policies, "policy", "policies")}`)),
      ...fact("Started", `${ago(startedAt, Date.now())}, version ${version}`),
    ),
  )
  if (warnings.length > 0)
    view.append(
      element(
        "ul",
        { class: "warnings", "aria-label": "What needs your attention" },
        ...warnings.map((warning) => element("li", {}, ...prose(warning))),
      ),
    )
  return view
}

const ROLES = {
  host: "this node hosts it",
  follower: "followed and verified",
  etcd: "in etcd, copied and verified",
  copy: "a copy that follows nobody",
} as const

function meaningOf({ state }: ShownStatus): Node {
  if (state === "serving") return element("span", {}, "The keys are unlocked and work inside the keystore.")
  return element("span", {}, "The keys are wiped from memory. To unlock: ", element("code", {}, "keygrove unlock"), ".")
}

function fact(term: string, ...values: readonly Child[]): readonly Node[] {
  return [element("div", {}, element("dt", {}, term), element("dd", {}, ...values))]
}

/** An id in short, and in full for whoever points at it. */
function mono(shown: string, full: string): Node {
  return element("code", { title: full }, shown)
}
