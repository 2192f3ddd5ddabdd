import type { SnapshotFacts } from "./ledger-methods.ts"
/** A node as results name it. */
export interface NodeName {
  /** 64 hex digits. */
  readonly cluster: string
  readonly path: string
}

/** What a node is started with when its person says nothing else. */
export interface UnlockMeans {
  /** A passphrase, a key file, one that lies in the home directory itself, pieces, or a grant of another node's label; with the last two, a passphrase or {@link keyFile} opens it too. */
  readonly by: "passphrase" | "file" | "generated" | "pieces" | "delegated"
  readonly keyFile: string | null
  /** What that means for who has its disk. */
  readonly note: string | null
}

/** How the pieces of a member are. */
export interface OwnPieces {
  readonly unlock: "auto" | "approve"
  /** Whether its machine has to show itself as well; `pieces.status` tells more. */
  readonly needsEvidence: boolean
  /** Null when it has none yet. */
  readonly generation: number | null
  /** Nodes that keep one. */
  readonly holders: number
  /** Pieces that open it. */
  readonly needed: number
}

/** What the peers of a locked node do about its pieces. */
export interface PiecesUnlocking {
  /** The first hex digits of its request, by which a person approves it on another member. */
  readonly request: string
  /** How often they were asked. */
  readonly rounds: number
  readonly given: number
  readonly needed: number
  /** Members that want an approval. */
  readonly waiting: readonly string[]
  readonly refused: readonly { readonly path: string; readonly reason: string }[]
  readonly unreachable: readonly { readonly path: string; readonly reason: string }[]
  /** Why this machine cannot give the evidence that its holders ask for; null when it can, or nothing is asked. */
  readonly problem: { readonly code: string; readonly message: string } | null
  /** The same for people. */
  readonly text: string
}

/** What a locked node waits for that a grant of another node's label unlocks. */
export interface GrantUnlocking {
  /** Path of the node that owns the label. */
  readonly owner: string
  readonly label: string
  /** To whom it is granted: `kg1…` of this node as a reader before it is unlocked. */
  readonly reader: string
  /** Whose proxies were asked; null while there is none. */
  readonly policy: string | null
  /** How often it was tried. */
  readonly rounds: number
  readonly code: string
  readonly message: string
  /** Whether the ledger was asked for news. */
  readonly isUpToDate: boolean
  /** The same for people. */
  readonly text: string
}

/** Answer of `node.status` of a node that was not unlocked yet since it was started: what its disk tells. */
export interface LockedNodeStatus extends NodeName {
  readonly version: string
  /** `unlocking`: its keystore is being opened at this moment. */
  readonly state: "locked" | "unlocking"
  /** `kg1…` */
  readonly id: string
  readonly epoch: number
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly unlocks: UnlockMeans
  /** How far its peers are with unlocking it; null when they are not asked, or have not answered yet. */
  readonly unlocking: PiecesUnlocking | null
  /** Why a grant does not unlock it yet; null when none is asked for, or nothing is known yet. */
  readonly delegation: GrantUnlocking | null
  /** One line each: what needs the person's attention. */
  readonly warnings: readonly string[]
}

/** Answer of `node.status`. */
export interface NodeStatus extends NodeName {
  readonly version: string
  readonly state: "serving" | "locked" | "unlocking"
  /** `kg1…` */
  readonly id: string
  readonly generation: number
  readonly epoch: number
  /** What it was below roots that were replaced, the newest first. What was made then opens, and is recovered from the words of then. */
  readonly predecessors: readonly NodeName[]
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly peers: number
  /** Where other nodes reach this one. */
  readonly addresses: readonly string[]
  readonly ledger: LedgerStatus
  readonly unlocks: UnlockMeans
  /** By the ledger: how the node's own pieces are; null when it is no member. `pieces.status` tells more. */
  readonly pieces: OwnPieces | null
  readonly policies: { readonly granted: number; readonly readable: number }
  /** When nobody uses the keystore it locks at `locksAt` (milliseconds since 1970; null while it is used, and when it is locked); null when it never does. */
  readonly idleLock: { readonly minutes: number; readonly locksAt: number | null } | null
  /** What a rekey of this node left to do: labels that are still encrypted under an earlier key, policies to be made again, and what the last try met. Zeros and null when it is done. */
  readonly remaking: { readonly labels: number; readonly policies: number; readonly problem: string | null }
  /** One line each: what needs the person's attention. */
  readonly warnings: readonly string[]
}

/** Answer of `node.identity`: what this node may tell anyone about itself. Keys are in hex. */
export interface NodeIdentityFacts extends NodeName {
  /** `kg1…`, what others grant to. */
  readonly id: string
  readonly generation: number
  readonly epoch: number
  /** What it was below roots that were replaced, the newest first. */
  readonly predecessors: readonly NodeName[]
  readonly keys: {
    /** Ed25519, certified by the parent. */
    readonly anchor: string
    /** Ed25519; also the peer's key on the network. */
    readonly signing: string
    /** secp256k1, compressed. */
    readonly encryption: string
    /** secp256k1, compressed; signs fragments. */
    readonly delegation: string
    /** X25519. */
    readonly sealing: string
  }
}

/** Answer of `ledger.status`. */
export interface LedgerStatus {
  /** `etcd`: in a service of its own, of which each node has a verified copy. `copy`: what it holds and nothing more, in a home that was recovered from data alone. */
  readonly role: "host" | "follower" | "etcd" | "copy"
  readonly length: number
  /** 64 hex digits. */
  readonly head: string
  /** Where others have it as well: a node's address with /p2p/, or etcd://…; null when there is none. */
  readonly address: string | null
  /** The newest snapshot that this node has; null before the first. */
  readonly snapshot: SnapshotFacts | null
  /** Index before which this node keeps only entries of key chains; 0 where it keeps all. */
  readonly prunedTo: number
  /** How etcd is, as it last answered; null when the ledger is not in etcd, and before the first answer. */
  readonly etcd: EtcdFacts | null
}

/** How the etcd of a ledger is. */
export interface EtcdFacts {
  /** When it was asked, milliseconds since 1970. */
  readonly at: number
  readonly hasLeader: boolean
  /** Length of the snapshot before which etcd may have only entries of key chains; 0 where it has all. */
  readonly prunedTo: number
  readonly members: readonly EtcdMemberFacts[]
}

/** One member of etcd. What it did not tell is 0, or empty. */
export interface EtcdMemberFacts {
  /** HOST:PORT */
  readonly name: string
  /** Why it did not answer; null when it did. */
  readonly problem: string | null
  readonly isLeader: boolean
  readonly version: string
  readonly raftTerm: number
  readonly raftIndex: number
  readonly databaseBytes: number
  readonly alarms: readonly string[]
}

/** Answer of `label.publicKey`, and an element of `label.list`. */
export interface LabelKey {
  readonly label: string
  readonly owner: NodeName
  readonly epoch: number
  /** 66 hex digits. */
  readonly labelKey: string
  /** `kgl1…`, what others encrypt to it with: all of the above. */
  readonly card: string
}

/** Answer of `data.decryptKey`. */
export interface DecryptKey {
  /** HPKE: encapsulated key, ciphertext, tag; 160 hex digits. */
  readonly sealedKey: string
  readonly via: "owner" | "policy"
  readonly policy: string | null
}

/** A grant, as `policy.grant`, `policy.list` and `policy.show` answer: one policy, and those that continue it under other keys of its label. They end together. */
export interface PolicyFacts {
  /** Of the first policy. */
  readonly id: string
  /** Ids of all, the first one first. What follows is said of the one for the newest key. */
  readonly policies: readonly string[]
  readonly state: "standing" | "expired" | "revoked"
  readonly role: "owner" | "reader" | "other"
  /** Known to the owner's node only. */
  readonly label: string | null
  /** Path and cluster of the owner, `/laptop@…`. */
  readonly owner: string
  /** Hex of the reader's verifying key, or `kg1…` in the answer to a grant. */
  readonly reader: string
  readonly threshold: number
  readonly shares: number
  /** Milliseconds since 1970. */
  readonly expires: number
  readonly proxies: readonly PolicyProxyFacts[]
}

export interface PolicyProxyFacts extends NodeName {
  readonly signingKey: string
  readonly addresses: readonly string[]
}

/** Answer of `policy.revoke`. */
export interface RevocationFacts {
  readonly policy: string
  /** Proxies that signed that they forgot their fragment. */
  readonly confirmed: number
  /** Confirmations after which nothing can be opened even with the others' help. */
  readonly needed: number
  readonly shares: number
}

/** Answer of `proxy.status`. */
export interface ProxyStatus {
  readonly terms: { readonly until: number; readonly capacity: number; readonly addresses: readonly string[] } | null
  readonly fragments: number
}

/** Answer of `console.link`. */
export interface ConsoleLink {
  /** With the token in its fragment: whoever opens it first is logged in. */
  readonly url: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}
