import type { MethodSpec } from "./method-spec.ts"
import type { ParamSpec } from "./params.ts"

type None = Readonly<Record<never, never>>
type Meeting = Readonly<Record<"meeting", string>>
type Cluster = Readonly<Record<"cluster", string>>

/** Decoded parameters of the methods about meetings and trust. */
export interface MeetingApiParams {
  readonly "meet.start": None
  readonly "meet.enter": { readonly code: string }
  readonly "meet.status": Meeting & { readonly since?: number }
  readonly "meet.confirm": Meeting & { readonly nickname?: string }
  readonly "meet.cancel": Meeting
  readonly "trust.list": None
  readonly "trust.rename": Cluster & { readonly nickname: string }
  readonly "trust.remove": Cluster
}

/**
 * How far a meeting is. `waiting`: the code is shown and nobody has used it. `exchanging`: the nodes talk, there is nothing to do. `compare`: both people look at the
 * words. `waiting-for-other`: this side has confirmed. `done`: the trust is on this side's ledger. `failed`: see `error`; nothing was written.
 */
export type MeetingPhase = "waiting" | "exchanging" | "compare" | "waiting-for-other" | "done" | "failed"

/** A meeting as this side's person sees it: the answer of every method `meet.*`. */
export interface MeetView {
  /** What the other methods name it by, 32 hex digits. */
  readonly meeting: string
  /** Grows with every change; to give as `since` next. */
  readonly revision: number
  readonly role: "shows" | "scans"
  readonly phase: MeetingPhase
  /** `kgmeet1…`, lower case; null unless this side shows it and the phase is `waiting`. In upper case it fits the alphanumeric mode of a QR code, and is taken so too. */
  readonly code: string | null
  /** Milliseconds since 1970: when the meeting fails unless it is done. */
  readonly expiresAt: number
  /** Four words, the same on both sides or somebody is in between; null before `compare`. */
  readonly words: readonly string[] | null
  /** Who the other side proved to be; null before `compare`. */
  readonly other: MetNode | null
  /** Why it failed; null unless it did. */
  readonly error: { readonly code: string; readonly message: string } | null
}

/** The node at the other side of a meeting. */
export interface MetNode {
  /** 64 hex digits. */
  readonly cluster: string
  readonly path: string
  /** What this node's person calls the cluster; null when it has no name here. */
  readonly nickname: string | null
}

/** A cluster that this one trusts. */
export interface TrustedClusterFacts {
  /** 64 hex digits. */
  readonly cluster: string
  /** Known to this node only; null when it has none. */
  readonly nickname: string | null
  /** Index of the entry by which this cluster trusts it. */
  readonly since: number
  /** When this node last had a line to one of its nodes, milliseconds since 1970; null when it never had. */
  readonly lastSeen: number | null
  /** `stale`: its root stepped down, meet again. `unverified`: its key chain has not reached this node yet. */
  readonly state: "current" | "stale" | "unverified"
  /** How many nodes it has, as far as its key chain is known here. */
  readonly nodes: number
  /** How far its key chain is known here; null when it is not. */
  readonly keyChain: { readonly length: number; readonly head: string } | null
}

/** Answer of `trust.list`. */
export interface TrustedClusters {
  /** In the order in which they were trusted. */
  readonly clusters: readonly TrustedClusterFacts[]
}

const meeting: ParamSpec = { type: "text", maxLength: 32, description: "the meeting, as `meeting` of the answer that began it names it" }
const nickname: ParamSpec = {
  type: "text",
  maxLength: 32,
  description:
    "what this node is to call the other cluster: 1 to 32 letters, digits, spaces, . _ and -, beginning and ending with a letter or digit",
}
const cluster: ParamSpec = {
  type: "text",
  maxLength: 64,
  description: "the cluster: its id, the first 8 or more digits of it, or its nickname",
}

/** The methods about meeting people and trusting their clusters. */
export const meetingMethods: { readonly [M in keyof MeetingApiParams]: MethodSpec } = {
  "meet.start": {
    summary: "Begins a meeting and answers the code that the other side scans or types; at most 4 meetings at once.",
    params: {},
  },
  "meet.enter": {
    summary: "Begins a meeting with the node whose code this is.",
    params: { code: { type: "text", maxLength: 2_048, description: "kgmeet1…, in lower or upper case" } },
  },
  "meet.status": {
    summary: "How far a meeting is, once it is further than the revision seen, or after 25 s.",
    params: {
      meeting,
      since: {
        type: "integer",
        min: 0,
        max: Number.MAX_SAFE_INTEGER,
        description: "`revision` of the answer before; answered at once without it",
        optional: true,
      },
    },
  },
  "meet.confirm": {
    summary:
      "Says that a person compared the four words of both sides and that they are the same; both sides trust each other once both said so.",
    params: { meeting, nickname: { ...nickname, optional: true } },
  },
  "meet.cancel": { summary: "Ends a meeting; without effect once both sides have confirmed.", params: { meeting } },
  "trust.list": { summary: "The clusters that this one trusts; works while the node is locked.", params: {} },
  "trust.rename": { summary: "Gives a trusted cluster another nickname, on this node only.", params: { cluster, nickname } },
  "trust.remove": { summary: "Ends the trust in a cluster, for all nodes of this one.", params: { cluster } },
}
