import { toHex, unreachable } from "@keygrove/base"
import type { Statement } from "@keygrove/ledger"
import { isCustodyStatement, type CustodyStatement } from "@keygrove/pieces"

/** Digits of ids that are shown; `keygrove policy show` takes as many. */
const SHOWN_DIGITS = 16

/** What a statement says, in one short line for people. */
export function saysOf(statement: Statement | undefined): string {
  if (statement === undefined) return ""
  if (isCustodyStatement(statement)) return ofCustody(statement)
  switch (statement.kind) {
    case "cluster":
      return `announces itself, anchor ${short(statement.body.anchorKey)}`
    case "node":
      return `certifies ${statement.body.path}, generation ${statement.body.generation}`
    case "rekey":
      return `has the keys of epoch ${statement.body.keys.epoch}`
    case "rekey-ordered":
      return `orders ${statement.body.path} to reach epoch ${statement.body.epoch}`
    case "node-revoked":
      return `revokes ${statement.body.path} (${statement.body.reason})`
    case "root-replaced":
      return `steps down for ${statement.body.successor.slice(0, SHOWN_DIGITS)}…`
    case "trust":
      return `trusts ${statement.body.cluster.slice(0, SHOWN_DIGITS)}…`
    case "trust-removed":
      return `trusts ${statement.body.cluster.slice(0, SHOWN_DIGITS)}… no more`
    case "proxy-terms":
      return statement.body.until === 0
        ? "keeps no new fragments"
        : `keeps ${statement.body.capacity} fragments until ${new Date(statement.body.until).toISOString().slice(0, 10)}`
    case "policy-granted":
      return `grants ${short(statement.body.policyId)}, ${statement.body.threshold} of ${statement.body.proxies.length}`
    case "policy-revoked":
      return `revokes ${short(statement.body.policyId)}`
    default:
      return unreachable(statement)
  }
}

function ofCustody(statement: CustodyStatement): string {
  switch (statement.kind) {
    case "custody-joined":
      return `takes part in keeping pieces, ${statement.body.unlock === "approve" ? "is unlocked when a person approves" : "is unlocked without a person"}${statement.body.evidence === undefined ? "" : ", with evidence of its machine"}`
    case "custody-left":
      return "keeps no pieces any more"
    case "generation-started":
      return `begins key generation ${statement.body.generation}`
    case "generation-aborted":
      return `aborts key generation ${statement.body.generation}`
    case "pieces-shared":
      return `shared in key generation ${statement.body.generation}, ${statement.body.receipts.length} receipts`
    case "redistribution-started":
      return `begins to move ${statement.body.owner} from key generation ${statement.body.from} to ${statement.body.generation}`
    case "pieces-redistributed":
      return `moved ${statement.body.owner} from key generation ${statement.body.from} to ${statement.body.generation}`
    case "pieces-held":
      return `keeps ${statement.body.held.length} more ${statement.body.held.length === 1 ? "piece" : "pieces"}`
    case "pieces-wiped":
      return `wiped its pieces up to key generation ${statement.body.upTo}`
    default:
      return unreachable(statement)
  }
}

function short(id: Uint8Array): string {
  return `${toHex(id).slice(0, SHOWN_DIGITS)}…`
}
