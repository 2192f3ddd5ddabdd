/** What the command line's exit status says about an error (interfaces.md: 1, 2, 3, 4, 5, 6 in this order; 130, as shells have it, for the last). */
export type ErrorClass = "failed" | "usage" | "locked" | "refused" | "peers" | "not-running" | "interrupted"

/** One line of docs/errors.md. */
export interface ErrorDescription {
  readonly class: ErrorClass
  /** What happened, one sentence. */
  readonly meaning: string
  /** What the person should do next, one sentence. */
  readonly remedy: string
}

/** All codes of one package. Each package exports exactly one; `api` joins them and docs/errors.md is made from the join. */
export type ErrorTable<Code extends string = string> = Readonly<Record<Code, ErrorDescription>>
