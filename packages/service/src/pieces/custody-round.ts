import type { Result } from "@keygrove/base"
import type { NodePath, Timestamp } from "@keygrove/hierarchy"
import type { CustodyMember, CustodyState, CustodyStatement } from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import { statementSigner } from "../sharing/statement-signer.ts"
import type { PieceDesk } from "./piece-desk.ts"
import type { PiecesContext } from "./pieces-context.ts"
import type { Sightings } from "./sightings.ts"

/** A member that did not do what it must: a wrong piece, sub-piece, receipt or proof. */
export interface NamedLiar {
  readonly path: NodePath
  /** What was wrong, for people. */
  readonly what: string
  readonly at: Timestamp
}

/** Most liars that are remembered for status; the log has all. */
const MAX_LIARS = 64

/** Who lied, as this node saw it since it started. */
export class Liars {
  readonly #context: Pick<PiecesContext, "clock" | "log">
  #named: readonly NamedLiar[] = []

  constructor(context: Pick<PiecesContext, "clock" | "log">) {
    this.#context = context
  }

  /** The newest last. */
  get named(): readonly NamedLiar[] {
    return this.#named
  }

  /** Names one in the log, and keeps it for status. */
  name(path: NodePath, what: string): void {
    this.#context.log(`${path} does not keep to the protocol of key pieces: ${what}`)
    const rest = this.#named.filter((each) => each.path !== path || each.what !== what)
    this.#named = [...rest, { path, what, at: this.#context.clock.now() }].slice(-MAX_LIARS)
  }
}

/** One look of the custody keeper at everything. Duties read the ledger anew where they wait in between. */
export interface CustodyRound {
  readonly context: PiecesContext
  readonly desk: PieceDesk
  readonly custody: CustodyState
  /** This node, which is a standing member. */
  readonly self: CustodyMember
  readonly sightings: Sightings
  readonly liars: Liars
}

/** When a duty wants to be done again if the ledger does not change: after so many milliseconds. */
export type DutyOutcome = Result<number>

/** Longest pause between two looks. */
export const MAX_PAUSE_MS = 60_000

/** This node's place among the standing members by path, from 0: who comes later waits longer, so that not all try at once. */
export function rankOf({ custody, self }: Pick<CustodyRound, "custody" | "self">): number {
  return [...custody.members.values()].findIndex(({ path }) => path === self.path)
}

/** What is left of a wait. */
export function remainingMs(waitMs: number, ageMs: number): number {
  return Math.max(0, Math.ceil(waitMs - ageMs))
}

/** Signs a statement about custody and brings it to the ledger. */
export async function state(
  { keystore, replica }: Pick<PiecesContext, "keystore" | "replica">,
  statement: CustodyStatement,
  options: CallOptions,
): Promise<Result<unknown>> {
  return await replica.append([statement], statementSigner(keystore), options)
}
