import { AnswerFields } from "./fields.ts"

/** What the peers of a locked node do about its pieces. */
export interface PeersUnlocking {
  /** The first hex digits of its request, by which a person approves it on another member. */
  readonly request: string
  readonly given: number
  readonly needed: number
  /** Members that want an approval. */
  readonly waiting: readonly string[]
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
  readonly unreachable: readonly { readonly path: string; readonly reason: string }[]
  /** Why its machine cannot give the evidence that its holders ask for; null when it can, or nothing is asked. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Whether a node serves, and what a locked one waits for. */
export interface LockState {
  /** `serving`, `locked`, or `unlocking` while its keystore is opened or its peers are asked. */
  readonly state: string
  /** How far the peers are; null when they are not asked, or have not answered yet. */
  readonly peers: PeersUnlocking | null
  /** Why a grant of another node's label does not open it yet, for people; null when none is asked for, or nothing is known yet. */
  readonly grant: string | null
}

/** Reads the answer of `node.status`. */
export function decodeLockState(answer: unknown): LockState {
  const fields = new AnswerFields("node.status", answer)
  return {
    state: fields.text("state"),
    peers: fields.optionalObject("unlocking", decodePeers),
    grant: fields.optionalObject("delegation", (delegation) => delegation.text("text")),
  }
}

function decodePeers(fields: AnswerFields): PeersUnlocking {
  return {
    request: fields.text("request"),
    given: fields.number("given"),
    needed: fields.number("needed"),
    waiting: fields.texts("waiting"),
    refused: fields.objects("refused").map(decodePeer),
    unreachable: fields.objects("unreachable").map(decodePeer),
    problem: fields.get("problem") === null ? null : decodeProblem(fields.object("problem")),
  }
}

function decodeProblem(fields: AnswerFields): NonNullable<PeersUnlocking["problem"]> {
  return { code: fields.text("code"), message: fields.text("message") }
}

function decodePeer(fields: AnswerFields): PeersUnlocking["refused"][number] {
  return { path: fields.text("path"), reason: fields.text("reason") }
}
