import { AnswerFields } from "./rpc/fields.ts"

/** A grant of a label, as the node tells it. */
export interface Policy {
  /** 64 hex digits. */
  readonly id: string
  readonly label: string
  /** Identity of the reader, `kg1…`. */
  readonly reader: string
  readonly threshold: number
  readonly shares: number
  readonly expires: Date
}

/** Reads the answer of `policy.grant`. */
export function decodePolicy(answer: unknown): Policy {
  const policy = new AnswerFields("policy.grant", answer)
  return {
    id: policy.text("id"),
    label: policy.text("label"),
    reader: policy.text("reader"),
    threshold: policy.number("threshold"),
    shares: policy.number("shares"),
    expires: new Date(policy.number("expires")),
  }
}
