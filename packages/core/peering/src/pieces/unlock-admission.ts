import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { findNode, hasKeys } from "@keygrove/ledger"
import { findSharing, unlockApprovalBytes, type CustodyMember, type Sharing } from "@keygrove/pieces"
import type { CustodyView } from "./piece-admission.ts"
import type { PieceRequest, UnlockApproval } from "./piece-requests.ts"

export type UnlockRefusal = "UNLOCK_NOT_OWNER" | "UNLOCK_REVOKED" | "UNLOCK_GENERATION"

/** An unlocking that a holder may take part in. */
export interface AdmittedUnlock {
  readonly owner: CustodyMember
  readonly sharing: Sharing
}

/** The standing member whose current boot key asks for itself. */
export function callingOwner(
  { custody, self, state }: CustodyView,
  from: Uint8Array,
  owner: CustodyMember["path"],
): Result<CustodyMember, "UNLOCK_NOT_OWNER" | "UNLOCK_REVOKED"> {
  const member = custody.members.get(owner)
  if (member !== undefined && equalBytes(member.bootSigningKey, from)) return ok(member)
  const removed = state.clusters.get(self.cluster)?.removed.get(owner)
  if (member === undefined && removed !== undefined)
    return refuse("UNLOCK_REVOKED", `${owner} ended at ledger entry ${removed.at} (${removed.reason}); its pieces are not given back`)
  return refuse("UNLOCK_NOT_OWNER", `the caller has not the boot key of ${owner}, or that is no member; unlock it with its passphrase`)
}

/** Whether a holder may give back a piece, but for the approval that the owner may want and for how often it asks. */
export function admitReturn(
  view: CustodyView,
  from: Uint8Array,
  { generation, owner, sharing }: Pick<Extract<PieceRequest, { readonly op: "return" }>, "owner" | "generation" | "sharing">,
): Result<AdmittedUnlock, UnlockRefusal> {
  const member = callingOwner(view, from, owner)
  if (!member.ok) return member
  const standing = findSharing(view.custody, owner, generation)
  if (standing === undefined || !equalBytes(standing.id, sharing))
    return refuse("UNLOCK_GENERATION", `the ledger has no such sharing of ${owner} in key generation ${generation}; its copy may be old`)
  return ok({ owner: member.value, sharing: standing })
}

/** Whether one of these approvals is good: by the current key of a standing member other than the owner, for this request of the owner's current boot key. */
export function isApproved(
  primitives: Pick<Primitives, "ed25519">,
  view: CustodyView,
  owner: CustodyMember,
  { approvals, request }: { readonly approvals: readonly UnlockApproval[]; readonly request: Uint8Array },
): boolean {
  const { cluster } = view.self
  const message = unlockApprovalBytes({ cluster, owner: owner.path, bootSigningKey: owner.bootSigningKey, request })
  return approvals.some(({ approver, signature }) => {
    const node =
      approver === owner.path || !view.custody.members.has(approver) ? undefined : findNode(view.state, { cluster, path: approver })
    return node !== undefined && hasKeys(node) && primitives.ed25519.verify(node.keys.signingKey, message, signature)
  })
}
