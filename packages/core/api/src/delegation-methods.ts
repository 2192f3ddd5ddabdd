import type { MethodSpec } from "./method-spec.ts"
import type { NodeName } from "./results.ts"

type None = Readonly<Record<never, never>>

/** Decoded parameters of the methods about a start by another node's label. */
export interface DelegationApiParams {
  readonly "unlock.delegate": { readonly card: string }
  readonly "unlock.delegation": None
  readonly "unlock.endDelegation": None
}

/** A start by a label, as it is set up. */
export interface DelegationFacts {
  readonly owner: NodeName
  readonly label: string
  /** Epoch of the owner that the label's key is of. */
  readonly epoch: number
  /** To whom the label is to be granted: `kg1…` of this node as a reader before it is unlocked. */
  readonly reader: string
  /** The policy by which it would start now; null when there is none. */
  readonly policy: { readonly id: string; readonly threshold: number; readonly shares: number; readonly expiresAt: number } | null
  /** Why there is none; null when there is one. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Answer of all of them. */
export interface DelegationStatus {
  /** Whether `config.json` says that the node starts so. */
  readonly isChosen: boolean
  /** Null when nothing is set up. */
  readonly delegation: DelegationFacts | null
}

/** The methods about a start by another node's label. */
export const delegationMethods: { readonly [M in keyof DelegationApiParams]: MethodSpec } = {
  "unlock.delegate": {
    summary:
      "Has a storage key of this node sealed to another node's label, so that the node starts by a grant of it; answers as unlock.delegation.",
    params: { card: { type: "text", maxLength: 1_024, description: "the label's card, kgl1…, as label.publicKey of its owner answers" } },
  },
  "unlock.delegation": {
    summary: "By which label the node starts, to whom it is to be granted, and whether it would start now.",
    params: {},
  },
  "unlock.endDelegation": { summary: "Ends that: what was sealed is wiped; answers as unlock.delegation.", params: {} },
}
