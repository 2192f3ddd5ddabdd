import { unreachable } from "@keygrove/base"
import { applyGenerationAborted, applyGenerationStarted, applyPiecesWiped } from "./generations.ts"
import { applyJoined, applyLeft } from "./members.ts"
import type { CustodyRuling, CustodyTools, PlacedCustody } from "./ruling.ts"
import { applyPiecesHeld, applyPiecesRedistributed, applyPiecesShared, applyRedistributionStarted } from "./sharings.ts"
import type { CustodyState } from "./state.ts"
import type { CustodyStatement } from "./statement.ts"

/**
 * Folds one statement into custody. Pure, total and deterministic: what the state does not allow is void and changes nothing. That the author stands and signed with its current key has been
 * judged, as has whose a boot key is. The rules are in docs/protocol/pieces.md.
 */
export function applyCustody(
  tools: CustodyTools,
  custody: CustodyState,
  { statement, ...place }: Omit<PlacedCustody<never>, "body"> & { readonly statement: CustodyStatement },
): CustodyRuling {
  switch (statement.kind) {
    case "custody-joined":
      return applyJoined(custody, { ...place, body: statement.body })
    case "custody-left":
      return applyLeft(custody, { ...place, body: statement.body })
    case "generation-started":
      return applyGenerationStarted(custody, { ...place, body: statement.body })
    case "generation-aborted":
      return applyGenerationAborted(custody, { ...place, body: statement.body })
    case "pieces-shared":
      return applyPiecesShared(tools, custody, { ...place, body: statement.body })
    case "redistribution-started":
      return applyRedistributionStarted(custody, { ...place, body: statement.body })
    case "pieces-redistributed":
      return applyPiecesRedistributed(tools, custody, { ...place, body: statement.body })
    case "pieces-held":
      return applyPiecesHeld(custody, { ...place, body: statement.body })
    case "pieces-wiped":
      return applyPiecesWiped(custody, { ...place, body: statement.body })
    default:
      return unreachable(statement)
  }
}
