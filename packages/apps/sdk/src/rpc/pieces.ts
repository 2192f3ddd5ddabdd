import { AnswerFields } from "./fields.ts"

/** One round in which members share their storage keys. */
export interface KeyGeneration {
  readonly generation: number
  readonly members: number
  /** Pieces that open a node. */
  readonly needed: number
  /** Members whose key is shared in it. */
  readonly shared: number
}

/** The pieces of one member in one key generation. */
export interface PiecesInGeneration {
  readonly generation: number
  /** Pieces that open it. */
  readonly needed: number
  readonly holders: readonly { readonly path: string; readonly isOn: boolean | null }[]
  /** Who moved them there, because the member was off; null when it shared them itself. */
  readonly movedBy: string | null
}

/** What holders ask of a member's machine before they give its pieces back. */
export interface PiecesEvidence {
  /** `tpm2` */
  readonly family: string
  /** SHA-256 of the public area of its TPM's attestation key, in hex. */
  readonly key: string
  /** Registers of the SHA-256 bank that it has to show. */
  readonly pcrs: readonly number[]
  /** In hex: the digests of these registers that are accepted, that of when it joined first. */
  readonly digests: readonly string[]
}

/** What a machine's TPM measured of its boot. */
export interface PiecesMeasurement {
  readonly pcrs: readonly number[]
  /** SHA-256 of the values of the registers, in hex. */
  readonly digest: string
  readonly registers: readonly { readonly pcr: number; readonly value: string }[]
  /** Whether this node's holders accept that; null when they ask for no evidence, or for that of other registers. */
  readonly isAccepted: boolean | null
}

/** A member: others keep pieces of its storage key. */
export interface PiecesMember {
  readonly path: string
  readonly self: boolean
  /** `auto`, or `approve` when a person must agree on another node. */
  readonly unlock: string
  /** What its holders ask of its machine; null when its boot key is enough. */
  readonly evidence: PiecesEvidence | null
  /** Whether it answers now; null when nobody was asked. */
  readonly isOn: boolean | null
  /** The ways to unlock it, of the newest key generation first. */
  readonly sharings: readonly PiecesInGeneration[]
  /** Whether enough holders answer now; null when nobody was asked. */
  readonly canUnlock: boolean | null
  /** The smallest sets of machines whose loss takes the last way to unlock it by pieces; none when there is none. */
  readonly losses: readonly (readonly string[])[]
}

/** How far a node is with becoming a member. */
export interface PiecesJoining {
  /** `running`, `member`, `waiting` for more members, or `failed`. */
  readonly state: string
  /** The last step that is done: `announced`, `distributed`, `received` or `complete`; null before the first. */
  readonly step: string | null
  readonly given: number
  readonly received: number
  readonly needed: number
  readonly others: number
  readonly missing: readonly string[]
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Who keeps whose pieces, as one node sees it. */
export interface PiecesState {
  readonly cluster: string
  readonly path: string
  readonly isMember: boolean
  readonly members: number
  /** Members that there must be. */
  readonly fewest: number
  /** From its pieces nodes unlock; null before the first is complete. */
  readonly generation: KeyGeneration | null
  /** Begun and not complete; null when there is none. */
  readonly starting: KeyGeneration | null
  readonly nodes: readonly PiecesMember[]
  /** How far the last joining of this run of the node is; null when there was none. */
  readonly joining: PiecesJoining | null
  /** How far this node's own pieces are; null when nothing is left to give. */
  readonly sharing: {
    readonly generation: number
    readonly given: number
    readonly needed: number
    readonly missing: readonly { readonly path: string; readonly reason: string }[]
  } | null
  /** Pieces of others that this node keeps. */
  readonly kept: number
  /** Pieces of members that seem to be off, which the node moves to the current key generation at that time, unless another member is faster. */
  readonly moves: readonly { readonly owner: string; readonly generation: number; readonly attempts: number; readonly dueAt: Date }[]
  /** How long the node waits for others, in seconds; `pieceWaits` of its config.json. */
  readonly waits: {
    readonly ownerSeconds: number
    readonly attemptSeconds: number
    readonly generationSeconds: number
    readonly joinSeconds: number
  }
  readonly troubles: readonly string[]
  readonly liars: readonly { readonly path: string; readonly what: string; readonly at: Date }[]
}

/** Reads the answer of `pieces.status`, `pieces.join`, `pieces.leave` and `pieces.renew`. */
export function decodePieces(method: string, answer: unknown): PiecesState {
  const fields = new AnswerFields(method, answer)
  return {
    cluster: fields.text("cluster"),
    path: fields.text("path"),
    isMember: fields.boolean("isMember"),
    members: fields.number("members"),
    fewest: fields.number("fewest"),
    generation: optional(fields, "generation", decodeGeneration),
    starting: optional(fields, "starting", decodeGeneration),
    nodes: fields.objects("nodes").map(decodeMember),
    joining: optional(fields, "joining", decodeJoining),
    sharing: optional(fields, "sharing", decodeSharing),
    kept: fields.number("kept"),
    moves: fields.objects("moves").map(decodeMove),
    waits: decodeWaits(fields.object("waits")),
    troubles: fields.texts("troubles"),
    liars: fields.objects("liars").map((liar) => ({ path: liar.text("path"), what: liar.text("what"), at: new Date(liar.number("at")) })),
  }
}

function optional<T>(fields: AnswerFields, name: string, decode: (fields: AnswerFields) => T): T | null {
  return fields.get(name) === null ? null : decode(fields.object(name))
}

function decodeGeneration(fields: AnswerFields): KeyGeneration {
  return {
    generation: fields.number("generation"),
    members: fields.number("members"),
    needed: fields.number("needed"),
    shared: fields.number("shared"),
  }
}

function decodeMove(fields: AnswerFields): PiecesState["moves"][number] {
  const dueAt = new Date(fields.number("dueAt"))
  return { owner: fields.text("owner"), generation: fields.number("generation"), attempts: fields.number("attempts"), dueAt }
}

function decodeWaits(fields: AnswerFields): PiecesState["waits"] {
  return {
    ownerSeconds: fields.number("ownerSeconds"),
    attemptSeconds: fields.number("attemptSeconds"),
    generationSeconds: fields.number("generationSeconds"),
    joinSeconds: fields.number("joinSeconds"),
  }
}

function decodeMember(fields: AnswerFields): PiecesMember {
  return {
    path: fields.text("path"),
    self: fields.boolean("self"),
    unlock: fields.text("unlock"),
    evidence: optional(fields, "evidence", decodeEvidence),
    isOn: answerOrNull(fields, "isOn"),
    sharings: fields.objects("sharings").map((each) => ({
      generation: each.number("generation"),
      needed: each.number("needed"),
      holders: each.objects("holders").map((holder) => ({ path: holder.text("path"), isOn: answerOrNull(holder, "isOn") })),
      movedBy: each.optionalText("movedBy") ?? null,
    })),
    canUnlock: answerOrNull(fields, "canUnlock"),
    losses: lists(fields, "losses"),
  }
}

function decodeEvidence(fields: AnswerFields): PiecesEvidence {
  return { family: fields.text("family"), key: fields.text("key"), pcrs: fields.numbers("pcrs"), digests: fields.texts("digests") }
}

/** Reads the answer of `pieces.measure`. */
export function decodeMeasurement(answer: unknown): PiecesMeasurement {
  const fields = new AnswerFields("pieces.measure", answer)
  return {
    pcrs: fields.numbers("pcrs"),
    digest: fields.text("digest"),
    registers: fields.objects("registers").map((each) => ({ pcr: each.number("pcr"), value: each.text("value") })),
    isAccepted: answerOrNull(fields, "isAccepted"),
  }
}

function decodeJoining(fields: AnswerFields): PiecesJoining {
  return {
    state: fields.text("state"),
    step: fields.optionalText("step") ?? null,
    given: fields.number("given"),
    received: fields.number("received"),
    needed: fields.number("needed"),
    others: fields.number("others"),
    missing: fields.texts("missing"),
    problem: optional(fields, "problem", (problem) => ({ code: problem.text("code"), message: problem.text("message") })),
  }
}

/** A list of lists of texts. */
function lists(fields: AnswerFields, name: string): readonly (readonly string[])[] {
  const value = fields.get(name)
  if (!Array.isArray(value)) return fields.texts(name).map((text) => [text])
  return value.map((list: unknown) => new AnswerFields(name, { list }).texts("list"))
}

function answerOrNull(fields: AnswerFields, name: string): boolean | null {
  return fields.get(name) === null ? null : fields.boolean(name)
}

function decodeSharing(fields: AnswerFields): NonNullable<PiecesState["sharing"]> {
  return {
    generation: fields.number("generation"),
    given: fields.number("given"),
    needed: fields.number("needed"),
    missing: fields.objects("missing").map((each) => ({ path: each.text("path"), reason: each.text("reason") })),
  }
}
