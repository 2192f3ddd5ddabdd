import type {
  KeyGenerationFacts,
  PiecesEvidence,
  PiecesNode,
  PiecesOfNode,
  PiecesStatus,
  PiecesVerification,
  UnlockRequest,
} from "@keygrove/api"
import { AnswerFields } from "./answer-fields.ts"

/** What the page shows of `pieces.status`; troubles and liars are among the warnings of `node.status`. */
export type ShownPieces = Pick<
  PiecesStatus,
  "path" | "isMember" | "members" | "fewest" | "generation" | "starting" | "nodes" | "moves" | "sharing"
>

export function decodePieces(answer: unknown): ShownPieces {
  const fields = new AnswerFields("pieces.status", answer)
  return {
    path: fields.text("path"),
    isMember: fields.boolean("isMember"),
    members: fields.number("members"),
    fewest: fields.number("fewest"),
    generation: fields.nullable("generation", decodeGeneration),
    starting: fields.nullable("starting", decodeGeneration),
    nodes: fields.objects("nodes").map(decodeNode),
    moves: fields.objects("moves").map(decodeMove),
    sharing: fields.nullable("sharing", decodeSharing),
  }
}

function decodeGeneration(of: AnswerFields, name: string): KeyGenerationFacts {
  const fields = of.object(name)
  return {
    generation: fields.number("generation"),
    members: fields.number("members"),
    needed: fields.number("needed"),
    shared: fields.number("shared"),
  }
}

function decodeMove(fields: AnswerFields): PiecesStatus["moves"][number] {
  const [attempts, dueAt] = [fields.number("attempts"), fields.number("dueAt")]
  return { owner: fields.text("owner"), generation: fields.number("generation"), attempts, dueAt }
}

function decodeNode(fields: AnswerFields): PiecesNode {
  return {
    path: fields.text("path"),
    self: fields.boolean("self"),
    unlock: fields.choice("unlock", ["auto", "approve"]),
    evidence: fields.nullable("evidence", decodeEvidence),
    isOn: fields.nullable("isOn", boolean),
    sharings: fields.objects("sharings").map(decodePiecesOf),
    canUnlock: fields.nullable("canUnlock", boolean),
    losses: fields.lists("losses"),
  }
}

function decodeEvidence(of: AnswerFields, name: string): PiecesEvidence {
  const fields = of.object(name)
  return {
    family: fields.choice("family", ["tpm2"]),
    key: fields.text("key"),
    pcrs: fields.numbers("pcrs"),
    digests: fields.texts("digests"),
  }
}

function decodePiecesOf(fields: AnswerFields): PiecesOfNode {
  return {
    generation: fields.number("generation"),
    needed: fields.number("needed"),
    holders: fields.objects("holders").map((holder) => ({ path: holder.text("path"), isOn: holder.nullable("isOn", boolean) })),
    movedBy: fields.nullable("movedBy", (of, name) => of.text(name)),
  }
}

function decodeSharing(of: AnswerFields, name: string): NonNullable<PiecesStatus["sharing"]> {
  const fields = of.object(name)
  return {
    generation: fields.number("generation"),
    given: fields.number("given"),
    needed: fields.number("needed"),
    missing: fields.objects("missing").map((each) => ({ path: each.text("path"), reason: each.text("reason") })),
  }
}

export function decodeVerification(answer: unknown): PiecesVerification["pieces"] {
  return new AnswerFields("pieces.verify", answer).objects("pieces").map((piece) => ({
    owner: piece.text("owner"),
    holder: piece.text("holder"),
    generation: piece.number("generation"),
    state: piece.choice("state", ["proved", "lost", "wrong", "unreachable"]),
    reason: piece.nullable("reason", (of, name) => of.text(name)),
  }))
}

export function decodeRequests(answer: unknown): readonly UnlockRequest[] {
  return new AnswerFields("unlock.requests", answer).objects("requests").map((each) => ({
    node: each.text("node"),
    request: each.text("request"),
    askedAt: each.number("askedAt"),
    approved: each.boolean("approved"),
  }))
}

function boolean(fields: AnswerFields, name: string): boolean {
  return fields.boolean(name)
}
