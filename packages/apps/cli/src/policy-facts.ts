import type { AnswerFields } from "keygrove/rpc"

/** A policy as `policy.list` tells it. */
export interface PolicyFacts {
  readonly id: string
  /** Ids of all policies of the grant, the first one first: one for each key of its label. */
  readonly policies: readonly string[]
  readonly state: string
  /** `owner`, `reader` or `other`. */
  readonly role: string
  /** Known to the owner only: the ledger carries it sealed. */
  readonly label: string | undefined
  readonly owner: string
  readonly reader: string
  readonly threshold: number
  readonly shares: number
  /** Milliseconds since 1970. */
  readonly expires: number
}

export function readPolicy(fields: AnswerFields): PolicyFacts {
  return {
    id: fields.text("id"),
    policies: fields.texts("policies"),
    state: fields.text("state"),
    role: fields.text("role"),
    label: fields.optionalText("label"),
    owner: fields.text("owner"),
    reader: fields.text("reader"),
    threshold: fields.number("threshold"),
    shares: fields.number("shares"),
    expires: fields.number("expires"),
  }
}
