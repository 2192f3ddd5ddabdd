import { copyButton } from "./copy-button.ts"
import { element, fact, mono } from "./dom.ts"
import { prose } from "./prose.ts"
import type { OpenStatus, ShownStatus } from "./status-answers.ts"
import { unlockingView } from "./unlocking-view.ts"
import { ago, counted, shortened } from "./wording.ts"

/** How the node is: its state first, then what it is, then what needs the person's attention. */
export function statusView(status: ShownStatus): Node {
  const { cluster, epoch, id, path, startedAt, version, warnings } = status
  const { mark, word } = badgeOf(status)
  const view = document.createDocumentFragment()
  view.append(
    element(
      "div",
      { class: "state" },
      element("p", { class: `badge ${mark}` }, word),
      element("p", { class: "name" }, path),
      element("p", { class: "meaning" }, meaningOf(status)),
    ),
  )
  if (status.ledger === null && status.unlocking !== null) view.append(unlockingView(status.unlocking, path))
  if (status.ledger === null && status.delegation !== null)
    view.append(element("p", { class: "warning" }, ...prose(`a grant of another node’s label opens it: it ${status.delegation}`)))
  view.append(
    element(
      "dl",
      { class: "facts" },
      ...fact("Cluster", mono(shortened(cluster), cluster)),
      ...fact("Identity", mono(shortened(id), id), copyButton("Copy", "Copy my identity, kg1…", id)),
      ...fact("Keys", status.ledger === null ? `epoch ${epoch}` : `generation ${status.generation}, epoch ${epoch}`),
      ...(status.ledger === null ? [] : openFacts(status)),
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

function openFacts({ peers, policies, remaking }: OpenStatus): readonly Node[] {
  return [
    ...fact("Peers", peers === 0 ? "none connected" : `${counted(peers, "node")} connected`),
    ...fact("Policies", `${policies.granted} granted, ${policies.readable} to read by`),
    ...(remaking.labels + remaking.policies === 0
      ? []
      : fact("Left of a rekey", `${counted(remaking.labels, "label")}, ${counted(remaking.policies, "policy", "policies")}`)),
  ]
}

/** A node that was opened once, and is locked since, is opened by its person; one that starts may wait for its peers. */
function badgeOf({ state }: ShownStatus): { readonly mark: string; readonly word: string } {
  if (state === "serving") return { mark: "good", word: "Serving" }
  return state === "unlocking" ? { mark: "waiting", word: "Unlocking" } : { mark: "due", word: "Locked" }
}

function meaningOf(status: ShownStatus): Node {
  if (status.state === "serving") return element("span", {}, "The keys are unlocked and work inside the keystore.")
  const command = element("code", {}, "keygrove unlock")
  if (status.ledger === null && status.unlocking !== null)
    return element(
      "span",
      {},
      "It asks its peers for the pieces that open it, and goes on by itself. With its passphrase or key file: ",
      command,
      ".",
    )
  if (status.state === "unlocking")
    return element("span", {}, "Its keystore is being opened. With its passphrase or key file: ", command, ".")
  return element("span", {}, "The keys are wiped from memory. To unlock: ", command, ".")
}
