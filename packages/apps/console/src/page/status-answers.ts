import type { EtcdFacts, LedgerStatus, LockedNodeStatus, NodeStatus, PiecesUnlocking, SnapshotFacts } from "@keygrove/api"
import { AnswerFields } from "./answer-fields.ts"

/** What the page shows of `node.status`: of a node that was opened since it was started, or of one that was not. */
export type ShownStatus = OpenStatus | ClosedStatus

/** A node that serves, or did until it was locked. */
export type OpenStatus = Pick<
  NodeStatus,
  | "version"
  | "state"
  | "id"
  | "cluster"
  | "path"
  | "generation"
  | "epoch"
  | "startedAt"
  | "peers"
  | "ledger"
  | "policies"
  | "remaking"
  | "warnings"
>

/** What the disk of a node tells that was not unlocked yet, how far its peers are, and what keeps a grant of another node's label from opening it. */
export type ClosedStatus = Pick<
  LockedNodeStatus,
  "version" | "state" | "id" | "cluster" | "path" | "epoch" | "startedAt" | "unlocking" | "warnings"
> & { readonly ledger: null; readonly delegation: string | null }

export function decodeStatus(answer: unknown): ShownStatus {
  const fields = new AnswerFields("node.status", answer)
  return fields.has("ledger") ? decodeOpen(fields) : decodeClosed(fields)
}

function decodeClosed(fields: AnswerFields): ClosedStatus {
  return {
    version: fields.text("version"),
    state: fields.choice("state", ["locked", "unlocking"]),
    id: fields.text("id"),
    cluster: fields.text("cluster"),
    path: fields.text("path"),
    epoch: fields.number("epoch"),
    startedAt: fields.number("startedAt"),
    unlocking: fields.nullable("unlocking", (of, name) => decodeUnlocking(of.object(name))),
    delegation: fields.nullable("delegation", (of, name) => of.object(name).text("text")),
    warnings: fields.texts("warnings"),
    ledger: null,
  }
}

function decodeUnlocking(fields: AnswerFields): PiecesUnlocking {
  return {
    request: fields.text("request"),
    rounds: fields.number("rounds"),
    given: fields.number("given"),
    needed: fields.number("needed"),
    waiting: fields.texts("waiting"),
    refused: fields.objects("refused").map(decodePeer),
    unreachable: fields.objects("unreachable").map(decodePeer),
    problem: fields.nullable("problem", (of, name) => decodeProblem(of.object(name))),
    text: fields.text("text"),
  }
}

function decodeProblem(fields: AnswerFields): NonNullable<PiecesUnlocking["problem"]> {
  return { code: fields.text("code"), message: fields.text("message") }
}

function decodePeer(fields: AnswerFields): PiecesUnlocking["refused"][number] {
  return { path: fields.text("path"), reason: fields.text("reason") }
}

function decodeOpen(fields: AnswerFields): OpenStatus {
  const policies = fields.object("policies")
  const remaking = fields.object("remaking")
  return {
    version: fields.text("version"),
    state: fields.choice("state", ["serving", "locked", "unlocking"]),
    id: fields.text("id"),
    cluster: fields.text("cluster"),
    path: fields.text("path"),
    generation: fields.number("generation"),
    epoch: fields.number("epoch"),
    startedAt: fields.number("startedAt"),
    peers: fields.number("peers"),
    ledger: decodeLedger(fields.object("ledger")),
    policies: { granted: policies.number("granted"), readable: policies.number("readable") },
    remaking: {
      labels: remaking.number("labels"),
      policies: remaking.number("policies"),
      problem: remaking.nullable("problem", (of, name) => of.text(name)),
    },
    warnings: fields.texts("warnings"),
  }
}

function decodeLedger(fields: AnswerFields): LedgerStatus {
  return {
    role: fields.choice("role", ["host", "follower", "etcd", "copy"]),
    length: fields.number("length"),
    head: fields.text("head"),
    address: fields.nullable("address", (of, name) => of.text(name)),
    snapshot: fields.nullable("snapshot", (of, name) => decodeSnapshot(of.object(name))),
    prunedTo: fields.number("prunedTo"),
    etcd: fields.nullable("etcd", (of, name) => decodeEtcd(of.object(name))),
  }
}

function decodeSnapshot(fields: AnswerFields): SnapshotFacts {
  return { length: fields.number("length"), head: fields.text("head"), by: fields.text("by") }
}

function decodeEtcd(fields: AnswerFields): EtcdFacts {
  return {
    at: fields.number("at"),
    hasLeader: fields.boolean("hasLeader"),
    prunedTo: fields.number("prunedTo"),
    members: fields.objects("members").map((member) => ({
      name: member.text("name"),
      problem: member.nullable("problem", (of, name) => of.text(name)),
      isLeader: member.boolean("isLeader"),
      version: member.text("version"),
      raftTerm: member.number("raftTerm"),
      raftIndex: member.number("raftIndex"),
      databaseBytes: member.number("databaseBytes"),
      alarms: member.texts("alarms"),
    })),
  }
}
