import { AnswerFields } from "./rpc/fields.ts"
import { decodeMeeting, type MeetingState } from "./rpc/meeting.ts"

interface TrustCallOptions {
  readonly signal?: AbortSignal
}

type Call = (method: string, params: object, options: TrustCallOptions) => Promise<unknown>

/** A cluster that this one trusts. */
export interface TrustedClusterInfo {
  /** 64 hex digits. */
  readonly cluster: string
  readonly nickname?: string
  /** Index of the entry by which it is trusted. */
  readonly since: number
  readonly lastSeen?: Date
  /** `stale`: its root stepped down, meet again. `unverified`: its key chain has not reached the node yet. */
  readonly state: string
  readonly nodes: number
}

/** Meetings with other people, and the clusters that are trusted since. Every method throws `KeygroveError` with a code of docs/errors.md. */
export class Trust {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  /** Begins a meeting; its code is for the other side to scan or type. */
  async show(options: TrustCallOptions = {}): Promise<MeetingState> {
    return decodeMeeting("meet.start", await this.#call("meet.start", {}, options))
  }

  /** Begins a meeting with the node whose code this is. */
  async enter(code: string, options: TrustCallOptions = {}): Promise<MeetingState> {
    return decodeMeeting("meet.enter", await this.#call("meet.enter", { code }, options))
  }

  /** The meeting once it is further than `seen`, or as it is after 25 s. */
  async next(seen: MeetingState, options: TrustCallOptions = {}): Promise<MeetingState> {
    const { meeting, revision } = seen
    return decodeMeeting("meet.status", await this.#call("meet.status", { meeting, since: revision }, options))
  }

  /** Says that a person saw the same four words on both sides: never without one. */
  async confirm(meeting: string, options: TrustCallOptions & { readonly nickname?: string } = {}): Promise<MeetingState> {
    const { nickname, ...call } = options
    const params = nickname === undefined ? { meeting } : { meeting, nickname }
    return decodeMeeting("meet.confirm", await this.#call("meet.confirm", params, call))
  }

  /** Gives a meeting up. */
  async cancel(meeting: string, options: TrustCallOptions = {}): Promise<MeetingState> {
    return decodeMeeting("meet.cancel", await this.#call("meet.cancel", { meeting }, options))
  }

  /** The clusters that this one trusts, in the order in which it began to. */
  async list(options: TrustCallOptions = {}): Promise<readonly TrustedClusterInfo[]> {
    return new AnswerFields("trust.list", await this.#call("trust.list", {}, options)).objects("clusters").map(decodeTrusted)
  }

  /** Gives a trusted cluster, by its id or nickname, another nickname on this node. */
  async rename(cluster: string, nickname: string, options: TrustCallOptions = {}): Promise<TrustedClusterInfo> {
    return decodeTrusted(new AnswerFields("trust.rename", await this.#call("trust.rename", { cluster, nickname }, options)))
  }

  /** Ends the trust in a cluster, for all nodes of this one. */
  async remove(cluster: string, options: TrustCallOptions = {}): Promise<void> {
    await this.#call("trust.remove", { cluster }, options)
  }
}

function decodeTrusted(fields: AnswerFields): TrustedClusterInfo {
  const nickname = fields.optionalText("nickname")
  return {
    cluster: fields.text("cluster"),
    since: fields.number("since"),
    state: fields.text("state"),
    nodes: fields.number("nodes"),
    ...(nickname === undefined ? {} : { nickname }),
    ...(fields.get("lastSeen") === null ? {} : { lastSeen: new Date(fields.number("lastSeen")) }),
  }
}
