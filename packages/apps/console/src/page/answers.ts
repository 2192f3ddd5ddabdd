import type { MeetView, MetNode, NodeFacts, NodeTree, TrustedClusterFacts } from "@keygrove/api"
import { AnswerFields } from "./answer-fields.ts"

/** What the page shows of `trust.list`. */
export type ShownTrust = Omit<TrustedClusterFacts, "keyChain">

export function decodeTree(answer: unknown): Pick<NodeTree, "nodes" | "next"> {
  const fields = new AnswerFields("node.list", answer)
  return { nodes: fields.objects("nodes").map(decodeNode), next: fields.nullable("next", text) }
}

function decodeNode(fields: AnswerFields): NodeFacts {
  return {
    path: fields.text("path"),
    generation: fields.number("generation"),
    epoch: fields.number("epoch"),
    state: fields.choice("state", ["active", "invited", "revoked", "replaced"]),
    reason: fields.nullable("reason", (of, name) => of.choice(name, ["compromised", "retired"])),
    at: fields.number("at"),
    owesEpoch: fields.nullable("owesEpoch", number),
    self: fields.boolean("self"),
  }
}

export function decodeTrust(answer: unknown): readonly ShownTrust[] {
  return new AnswerFields("trust.list", answer).objects("clusters").map((fields) => ({
    cluster: fields.text("cluster"),
    nickname: fields.nullable("nickname", text),
    since: fields.number("since"),
    lastSeen: fields.nullable("lastSeen", number),
    state: fields.choice("state", ["current", "stale", "unverified"]),
    nodes: fields.number("nodes"),
  }))
}

export function decodeMeeting(answer: unknown): MeetView {
  const fields = new AnswerFields("meeting", answer)
  return {
    meeting: fields.text("meeting"),
    revision: fields.number("revision"),
    role: fields.choice("role", ["shows", "scans"]),
    phase: fields.choice("phase", ["waiting", "exchanging", "compare", "waiting-for-other", "done", "failed"]),
    code: fields.nullable("code", text),
    expiresAt: fields.number("expiresAt"),
    words: fields.nullable("words", (of, name) => of.texts(name)),
    other: fields.nullable("other", (of, name) => decodeMetNode(of.object(name))),
    error: fields.nullable("error", (of, name) => ({ code: of.object(name).text("code"), message: of.object(name).text("message") })),
  }
}

function decodeMetNode(fields: AnswerFields): MetNode {
  return { cluster: fields.text("cluster"), path: fields.text("path"), nickname: fields.nullable("nickname", text) }
}

function text(fields: AnswerFields, name: string): string {
  return fields.text(name)
}

function number(fields: AnswerFields, name: string): number {
  return fields.number(name)
}
