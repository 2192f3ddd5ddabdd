import type { MethodSpec } from "./method-spec.ts"
import type { ParamSpec } from "./params.ts"
import type { NodeName } from "./results.ts"

type None = Readonly<Record<never, never>>

/** Decoded parameters of the methods about key pieces. */
export interface PiecesApiParams {
  readonly "pieces.join": {
    readonly unlock?: "auto" | "approve"
    readonly evidence?: "tpm2" | "none"
    readonly pcrs?: string
    readonly acceptDigests?: string
  }
  readonly "pieces.measure": { readonly pcrs?: string }
  readonly "pieces.leave": None
  readonly "pieces.status": { readonly ask?: boolean }
  readonly "pieces.verify": None
  readonly "pieces.renew": None
  readonly "unlock.requests": None
  readonly "unlock.approve": { readonly node: string; readonly request?: string }
}

/** Answer of `pieces.join`, `pieces.leave` and `pieces.status`. */
export interface PiecesStatus extends NodeName {
  /** Whether this node is a member: others keep pieces of its storage key, and it keeps theirs. */
  readonly isMember: boolean
  /** Members, and how few are too few. */
  readonly members: number
  readonly fewest: number
  /** The key generation from whose pieces nodes unlock; null before the first is complete. */
  readonly generation: KeyGenerationFacts | null
  /** The one that has begun and is not complete; null when there is none. */
  readonly starting: KeyGenerationFacts | null
  /** Members by path. */
  readonly nodes: readonly PiecesNode[]
  /** How far the last `pieces.join` of this run is; null when there was none. */
  readonly joining: PiecesJoining | null
  /** How far this node's own pieces are; null when there is nothing left to give. */
  readonly sharing: PiecesSharing | null
  /** Pieces of others that this node keeps. */
  readonly kept: number
  /** Pieces of members that seem to be off, which this node moves to the current key generation when it is time, unless another member is faster. */
  readonly moves: readonly AwaitedMoveFacts[]
  /** How long this node waits for others, as `pieceWaits` of config.json has it. */
  readonly waits: PieceWaits
  /** What was refused when it was last tried, one line each. */
  readonly troubles: readonly string[]
  /** Members that this node saw break the protocol since it started. */
  readonly liars: readonly { readonly path: string; readonly what: string; readonly at: number }[]
}

/** Pieces that are to be moved without their owner. */
export interface AwaitedMoveFacts {
  readonly owner: string
  /** The key generation that they move to. */
  readonly generation: number
  /** Attempts that were begun and have not ended. */
  readonly attempts: number
  /** When this node begins, in milliseconds since 1970. */
  readonly dueAt: number
}

/** Seconds for which a node waits for others. */
export interface PieceWaits {
  /** For an owner, before its pieces are moved without it. */
  readonly ownerSeconds: number
  /** For an attempt to move pieces, before another begins. */
  readonly attemptSeconds: number
  /** For a majority to share in a key generation, before it is aborted. */
  readonly generationSeconds: number
  /** For a node to become a member, before that is undone. */
  readonly joinSeconds: number
}

/** A key generation. */
export interface KeyGenerationFacts {
  readonly generation: number
  readonly members: number
  /** Pieces that open a node. */
  readonly needed: number
  /** Members whose storage key is shared in it. */
  readonly shared: number
}

/** One member. */
export interface PiecesNode {
  readonly path: string
  readonly self: boolean
  readonly unlock: "auto" | "approve"
  /** What its holders ask of its machine before they give its pieces back; null when its boot key is enough. */
  readonly evidence: PiecesEvidence | null
  /** Whether it answers now; null when nobody was asked. */
  readonly isOn: boolean | null
  /** The ways to unlock it, of the newest key generation first; none before it has shared. */
  readonly sharings: readonly PiecesOfNode[]
  /** Whether enough of its holders answer now; a member with `approve` needs a person's word besides. Null when nobody was asked. */
  readonly canUnlock: boolean | null
  /** The smallest sets of machines whose loss takes the last way to unlock it by pieces, at most 8 of them; none when it has no such way now. */
  readonly losses: readonly (readonly string[])[]
}

/** What holders ask of a member's machine. */
export interface PiecesEvidence {
  readonly family: "tpm2"
  /** SHA-256 of the public area of its TPM's attestation key, in hex. */
  readonly key: string
  /** Registers of the SHA-256 bank that it has to show. */
  readonly pcrs: readonly number[]
  /** In hex: the digests of these registers that are accepted, that of when it joined first. */
  readonly digests: readonly string[]
}

/** Answer of `pieces.measure`. */
export interface PiecesMeasurement {
  readonly pcrs: readonly number[]
  /** SHA-256 of the values of the registers, in hex. */
  readonly digest: string
  readonly registers: readonly { readonly pcr: number; readonly value: string }[]
  /** Whether this node's holders accept that; null when they ask for no evidence, or for that of other registers. */
  readonly isAccepted: boolean | null
}

/** The pieces of one member in one key generation. */
export interface PiecesOfNode {
  readonly generation: number
  /** Pieces that open it. */
  readonly needed: number
  readonly holders: readonly { readonly path: string; readonly isOn: boolean | null }[]
  /** Who moved them there, because the member was off; null when it shared them itself. */
  readonly movedBy: string | null
}

/** How far a node is with becoming a member. */
export interface PiecesJoining {
  /** `waiting`: it is one, and there are too few to share anything. */
  readonly state: "running" | "member" | "waiting" | "failed"
  /** The last step that is done; null before the first. */
  readonly step: "announced" | "distributed" | "received" | "complete" | null
  /** Members that keep a piece of this node. */
  readonly given: number
  /** Members that this node keeps a piece of. */
  readonly received: number
  /** Members that have to keep one. */
  readonly needed: number
  /** Members that this node has to keep one of. */
  readonly others: number
  readonly missing: readonly string[]
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** How far the pieces of one node are. */
export interface PiecesSharing {
  readonly generation: number
  readonly given: number
  readonly needed: number
  readonly missing: readonly { readonly path: string; readonly reason: string }[]
}

/** Answer of `pieces.verify`. */
export interface PiecesVerification {
  /** Of every piece that the ledger says somebody keeps, by owner and holder. */
  readonly pieces: readonly {
    readonly owner: string
    readonly holder: string
    readonly generation: number
    /** `lost`: the holder says that it has no such piece; `wrong`: its proof does not hold. */
    readonly state: "proved" | "lost" | "wrong" | "unreachable"
    /** Why it is not proved; null when it is. */
    readonly reason: string | null
  }[]
}

/** A locked node that waits for a person's word. */
export interface UnlockRequest {
  readonly node: string
  /** The first hex digits, which the locked node shows too. */
  readonly request: string
  /** Milliseconds since 1970. */
  readonly askedAt: number
  readonly approved: boolean
}

const PCRS: ParamSpec = {
  type: "text",
  maxLength: 128,
  optional: true,
  description: "registers of the TPM (0 to 23), ascending, separated by commas; as they were, or 0,2,4,7, unless given",
}

/** The methods about key pieces. */
export const piecesMethods: { readonly [M in keyof PiecesApiParams]: MethodSpec } = {
  "pieces.join": {
    summary: "Makes this node a member: others keep pieces of its storage key, and unlock it when it restarts; answers as pieces.status.",
    params: {
      unlock: {
        type: "choice",
        values: ["auto", "approve"],
        optional: true,
        description: "`approve`: a person must agree on another node each time; `auto` unless given, or as it was",
      },
      evidence: {
        type: "choice",
        values: ["tpm2", "none"],
        optional: true,
        description:
          "`tpm2`: holders ask for a fresh quote of this machine's TPM, in the state that it is in now; `none`, or as it was, unless given",
      },
      pcrs: PCRS,
      acceptDigests: {
        type: "text",
        maxLength: 256,
        optional: true,
        description:
          "with `tpm2`: up to 3 digests, in hex, separated by commas, of other states that are accepted as well; as it was unless given",
      },
    },
  },
  "pieces.leave": {
    summary: "Ends the membership: pieces of this node, and those that it keeps, are wiped; answers as pieces.status.",
    params: {},
  },
  "pieces.status": {
    summary: "Who keeps whose pieces, who can be unlocked now, and what a loss of machines would mean.",
    params: {
      ask: {
        type: "boolean",
        optional: true,
        description: "whether to ask every member if it answers now, which takes up to 5 s when one does not; true unless given",
      },
    },
  },
  "pieces.verify": {
    summary: "Has every holder prove that it has the pieces which the ledger says it keeps; nothing of them leaves.",
    params: {},
  },
  "pieces.measure": {
    summary: "What this machine's TPM measured of its boot: the digest that evidence of now would show.",
    params: { pcrs: PCRS },
  },
  "pieces.renew": { summary: "Begins a new key generation: every member gets a new storage key, and old pieces are wiped.", params: {} },
  "unlock.requests": { summary: "Locked nodes that asked this one for their pieces and want a person's approval.", params: {} },
  "unlock.approve": {
    summary: "Approves that a locked node is given its pieces, in the request whose digits it shows.",
    params: {
      node: { type: "text", maxLength: 256, description: "path of the locked node" },
      request: {
        type: "text",
        maxLength: 64,
        optional: true,
        description: "the first 8 or more hex digits of its request; may be left out when it has only one",
      },
    },
  },
}
