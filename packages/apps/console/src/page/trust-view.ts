import type { ShownTrust } from "./answers.ts"
import { element } from "./dom.ts"
import { ago, counted, shortened } from "./wording.ts"

/** The clusters of others that this one trusts. */
export function trustView(clusters: readonly ShownTrust[]): Node {
  if (clusters.length === 0) return element("p", { class: "hint" }, "None yet. Meet somebody, and your nodes will know theirs.")
  return element("ul", { class: "clusters" }, ...clusters.map(clusterView))
}

const STATES = {
  current: ["current", "good"],
  stale: ["stale: their root changed, meet again", "due"],
  unverified: ["their key chain has not come yet", "waiting"],
} as const

function clusterView({ cluster, lastSeen, nickname, nodes, since, state }: ShownTrust): Node {
  const [word, mark] = STATES[state]
  const seen = lastSeen === null ? "never seen by this node" : `seen ${ago(lastSeen, Date.now())}`
  return element(
    "li",
    { class: `node ${mark}` },
    element("span", { class: "node-name" }, nickname ?? shortened(cluster)),
    element("span", { class: "node-state" }, word),
    element(
      "span",
      { class: "node-keys" },
      `${counted(nodes, "node")}, ${seen}, trusted by entry ${since}, `,
      element("code", { title: cluster }, shortened(cluster)),
    ),
  )
}
