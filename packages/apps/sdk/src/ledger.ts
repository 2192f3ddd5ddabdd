import { AnswerFields } from "./rpc/fields.ts"

interface LedgerCallOptions {
  readonly signal?: AbortSignal
}

interface SnapshotOptions extends LedgerCallOptions {
  readonly prune?: boolean
  readonly pruneEtcd?: boolean
}

type Call = (method: string, params: object, options: LedgerCallOptions) => Promise<unknown>

/** What a ledger says up to an entry, as one node signed it. */
export interface LedgerSnapshotInfo {
  /** Entries that it stands for. */
  readonly length: number
  /** Head of the log there, 64 hex digits. */
  readonly head: string
  /** Path of the node that signed it. */
  readonly by: string
}

/** How far a node's ledger goes. */
export interface LedgerInfo {
  /** `host`, `follower`, `etcd` or `copy`. */
  readonly role: string
  readonly length: number
  /** 64 hex digits. */
  readonly head: string
  /** Where others have it as well: a node's address, or etcd://…; missing when there is none. */
  readonly address?: string
  readonly snapshot?: LedgerSnapshotInfo
  /** Index before which the node keeps only entries of key chains; 0 where it keeps all. */
  readonly prunedTo: number
  /** How etcd is, as it last answered; missing when the ledger is not in etcd, and before the first answer. */
  readonly etcd?: EtcdInfo
}

/** How the etcd of a ledger is. */
export interface EtcdInfo {
  /** When it was asked. */
  readonly at: Date
  /** Without a leader nothing can be appended. */
  readonly hasLeader: boolean
  readonly members: readonly EtcdMemberInfo[]
}

/** One member of etcd. What it did not tell is 0, or empty. */
export interface EtcdMemberInfo {
  /** HOST:PORT */
  readonly name: string
  /** Why it did not answer; missing when it did. */
  readonly problem?: string
  readonly isLeader: boolean
  readonly version: string
  readonly raftTerm: number
  readonly raftIndex: number
  readonly databaseBytes: number
  readonly alarms: readonly string[]
}

/** One signed statement. */
export interface LedgerEntryInfo {
  readonly index: number
  readonly kind: string
  readonly cluster: string
  readonly path: string
  /** Hex of the author's key. */
  readonly key: string
  /** What it says, in one line; empty for a kind that the node does not know. */
  readonly says: string
}

/** The ledger that a node goes by. Every method throws `KeygroveError` with a code of docs/errors.md. */
export class Ledger {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  /** How far it goes, and the node's snapshot of it. */
  async status(options: LedgerCallOptions = {}): Promise<LedgerInfo> {
    const fields = new AnswerFields("ledger.status", await this.#call("ledger.status", {}, options))
    const address = fields.optionalText("address")
    return {
      role: fields.text("role"),
      length: fields.number("length"),
      head: fields.text("head"),
      prunedTo: fields.number("prunedTo"),
      ...(address === undefined ? {} : { address }),
      ...(fields.get("snapshot") === null ? {} : { snapshot: decodeSnapshot(fields.object("snapshot")) }),
      ...(fields.get("etcd") === null ? {} : { etcd: decodeEtcd(fields.object("etcd")) }),
    }
  }

  /** Its entries from an index on, or those of one kind, as they are read; ends where the ledger ends now. */
  async *entries({
    from = 0,
    kind,
    ...options
  }: LedgerCallOptions & { readonly from?: number; readonly kind?: string } = {}): AsyncGenerator<LedgerEntryInfo, undefined> {
    for (let start = from; ;) {
      const params = { from: start, limit: PAGE_ENTRIES, ...(kind === undefined ? {} : { kind }) }
      const fields = new AnswerFields("ledger.entries", await this.#call("ledger.entries", params, options))
      for (const entry of fields.objects("entries")) yield decodeEntry(entry)
      const next = fields.number("next")
      if (next <= start) return
      start = next
    }
  }

  /**
   * Takes a signed snapshot, which the node starts from the next time.
   * `prune` drops from the node's copy what came before, but the entries of key chains: for good. `pruneEtcd` does that in the etcd that the cluster's nodes have their ledger in, and
   * puts the snapshot there for those that are behind; cut off anywhere, the next call goes on.
   */
  async snapshot({ prune = false, pruneEtcd = false, ...options }: SnapshotOptions = {}): Promise<LedgerSnapshotInfo> {
    return decodeSnapshot(new AnswerFields("ledger.snapshot", await this.#call("ledger.snapshot", { prune, pruneEtcd }, options)))
  }
}

/** Entries that are asked for at a time. */
const PAGE_ENTRIES = 256

function decodeSnapshot(fields: AnswerFields): LedgerSnapshotInfo {
  return { length: fields.number("length"), head: fields.text("head"), by: fields.text("by") }
}

function decodeEtcd(fields: AnswerFields): EtcdInfo {
  return { at: new Date(fields.number("at")), hasLeader: fields.boolean("hasLeader"), members: fields.objects("members").map(decodeMember) }
}

function decodeMember(fields: AnswerFields): EtcdMemberInfo {
  const problem = fields.optionalText("problem")
  return {
    name: fields.text("name"),
    ...(problem === undefined ? {} : { problem }),
    isLeader: fields.boolean("isLeader"),
    version: fields.text("version"),
    raftTerm: fields.number("raftTerm"),
    raftIndex: fields.number("raftIndex"),
    databaseBytes: fields.number("databaseBytes"),
    alarms: fields.texts("alarms"),
  }
}

function decodeEntry(fields: AnswerFields): LedgerEntryInfo {
  return {
    index: fields.number("index"),
    kind: fields.text("kind"),
    cluster: fields.text("cluster"),
    path: fields.text("path"),
    key: fields.text("key"),
    says: fields.text("says"),
  }
}
