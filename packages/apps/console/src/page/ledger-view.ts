import type { EtcdFacts, EtcdMemberFacts, LedgerStatus } from "@keygrove/api"
import { copyButton } from "./copy-button.ts"
import { element, fact, mono } from "./dom.ts"
import { ago, counted, shortened } from "./wording.ts"

const ROLES = {
  host: "this node hosts it",
  follower: "followed and verified",
  etcd: "in etcd, copied and verified",
  copy: "a copy that follows nobody",
} as const

const KIB = 1_024

/** The ledger that the node goes by: where it is, how far it goes, and how the etcd is that it lies in. */
export function ledgerView({ address, etcd, head, length, prunedTo, role, snapshot }: LedgerStatus): Node {
  const view = document.createDocumentFragment()
  view.append(
    element(
      "dl",
      { class: "facts" },
      ...fact("Engine", ROLES[role]),
      ...fact("Entries", length.toLocaleString("en")),
      ...fact("Head", mono(shortened(head), head), copyButton("Copy", "Copy the head of the ledger, 64 digits", head)),
      ...fact("Snapshot", snapshot === null ? "none yet" : `of entry ${snapshot.length.toLocaleString("en")}, by ${snapshot.by}`),
      ...(prunedTo === 0 ? [] : fact("Kept here", `all from entry ${prunedTo.toLocaleString("en")}; key chains before it`)),
      ...(address === null ? [] : fact(role === "etcd" ? "Where" : "Address", element("code", { class: "address" }, address))),
    ),
  )
  if (etcd !== null) view.append(etcdView(etcd))
  return view
}

function etcdView({ at, hasLeader, members, prunedTo }: EtcdFacts): HTMLElement {
  const answering = members.filter(({ problem }) => problem === null)
  const isWhole = hasLeader && answering.length === members.length && members.every(({ alarms }) => alarms.length === 0)
  const said = hasLeader
    ? `${answering.length} of ${counted(members.length, "member")} ${answering.length === 1 ? "answers" : "answer"}`
    : "No leader: nothing can be appended now"
  return element(
    "div",
    { class: "etcd" },
    element("p", { class: `badge ${isWhole ? "good" : hasLeader ? "due" : "gone"}` }, said),
    element("p", { class: "hint" }, `as etcd last answered, ${ago(at, Date.now())}`),
    ...(prunedTo === 0 ? [] : [element("p", { class: "hint" }, `etcd has only key chains before entry ${prunedTo.toLocaleString("en")}`)]),
    element("ul", { class: "clusters" }, ...members.map(memberView)),
  )
}

function memberView({ alarms, databaseBytes, isLeader, name, problem, raftIndex, raftTerm, version }: EtcdMemberFacts): HTMLElement {
  const mark = problem !== null ? "gone" : alarms.length > 0 ? "due" : "good"
  const word = problem !== null ? "does not answer" : isLeader ? "leads" : "follows"
  const alarm = alarms.map((each) => `, alarm ${each}`).join("")
  const detail =
    problem ??
    `term ${raftTerm}, index ${raftIndex}, ${Math.ceil(databaseBytes / KIB).toLocaleString("en")} KiB, version ${version}${alarm}`
  return element(
    "li",
    { class: `node ${mark}` },
    element("span", { class: "node-name" }, name),
    element("span", { class: "node-state" }, word),
    element("span", { class: "node-keys" }, detail),
  )
}
