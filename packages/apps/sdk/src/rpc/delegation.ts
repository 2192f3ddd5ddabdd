import { AnswerFields } from "./fields.ts"

/** By which label of another node a node starts. */
export interface StartByLabel {
  /** Path and cluster of the node that owns the label. */
  readonly owner: string
  readonly cluster: string
  readonly label: string
  /** Epoch of the owner that the label's key is of. */
  readonly epoch: number
  /** To whom the label is to be granted: `kg1…` of the node as a reader before it is unlocked. */
  readonly reader: string
  /** The policy by which it would start now; null when there is none. */
  readonly policy: { readonly id: string; readonly threshold: number; readonly shares: number; readonly expiresAt: Date } | null
  /** Why there is none; null when there is one. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Whether, and how, a grant of another node's label unlocks a node. */
export interface DelegationState {
  /** Whether the node is set to start so. */
  readonly isChosen: boolean
  /** Null when nothing is set up. */
  readonly delegation: StartByLabel | null
}

/** Decodes the answer of the methods about a start by another node's label. */
export function decodeDelegation(method: string, answer: unknown): DelegationState {
  const fields = new AnswerFields(method, answer)
  return { isChosen: fields.boolean("isChosen"), delegation: fields.optionalObject("delegation", decodeStart) }
}

function decodeStart(fields: AnswerFields): StartByLabel {
  const owner = fields.object("owner")
  return {
    owner: owner.text("path"),
    cluster: owner.text("cluster"),
    label: fields.text("label"),
    epoch: fields.number("epoch"),
    reader: fields.text("reader"),
    policy: fields.optionalObject("policy", decodePolicy),
    problem: fields.optionalObject("problem", (problem) => ({ code: problem.text("code"), message: problem.text("message") })),
  }
}

function decodePolicy(fields: AnswerFields): NonNullable<StartByLabel["policy"]> {
  const [id, threshold, shares] = [fields.text("id"), fields.number("threshold"), fields.number("shares")]
  return { id, threshold, shares, expiresAt: new Date(fields.number("expiresAt")) }
}
