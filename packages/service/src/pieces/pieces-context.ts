import type { VerifyDeviceSignature } from "@keygrove/crypto"
import type { NodeContext } from "../node-context.ts"
import type { Attester } from "../ports/attester.ts"
import type { Keystore } from "../ports/keystore.ts"
import type { PieceKeys } from "../ports/piece-keys.ts"
import type { CustodyWaits } from "./custody-waits.ts"

/** What keeping and sharing key pieces works with. Nothing here is owned by it. */
export interface PiecesContext extends Pick<NodeContext, "primitives" | "replica" | "storage" | "transport" | "clock" | "random"> {
  readonly keystore: Keystore & PieceKeys
  readonly waits: CustodyWaits
  /** Of this machine; it refuses where there is nothing of the kind. */
  readonly attester: Attester
  /** Of the machines of others. */
  readonly verifyDeviceSignature: VerifyDeviceSignature
  /** One line for the node's log. */
  readonly log: (line: string) => void
}
