import type { EtcdHealth, EtcdLedgerSource, EtcdMemberHealth } from "@keygrove/etcd"
import type { CallOptions, Clock } from "@keygrove/service"

/** How often etcd is asked how it is. */
const INTERVAL_MS = 10_000

/** How the etcd of a ledger was when it was last asked, and when that was. */
export interface SeenEtcd extends EtcdHealth {
  /** Milliseconds since 1970. */
  readonly at: number
  /** Where the ledger goes on, when it was moved away from this etcd. */
  readonly movedTo?: string
  /** The length of the snapshot before which etcd may lack entries; 0 where it has all. */
  readonly prunedTo: number
}

type Watched = Pick<EtcdLedgerSource, "health" | "movedTo" | "prunedTo">

/** Asks etcd again and again how it is, so that status and warnings have it at once. */
export class EtcdState implements AsyncDisposable {
  readonly #source: Watched
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #asking: Promise<void>
  #seen: SeenEtcd | undefined

  constructor(source: Watched, clock: Clock) {
    this.#source = source
    this.#clock = clock
    this.#asking = this.#ask({ signal: this.#stop.signal })
  }

  /** `undefined` until the first answer. */
  get seen(): SeenEtcd | undefined {
    return this.#seen
  }

  /** What a person should know of it, in one line each. */
  warnings(): readonly string[] {
    if (this.#seen === undefined) return []
    const { hasLeader, members, movedTo } = this.#seen
    const lost = hasLeader
      ? []
      : [
          "etcd has no leader: nothing can be appended to the ledger; what is known of it stays readable; start more of its members, a majority has to be on",
        ]
    const moved = movedTo === undefined ? [] : [movedWarning(movedTo)]
    return [...moved, ...lost, ...members.flatMap(memberWarnings)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#asking
  }

  async #ask(call: CallOptions): Promise<void> {
    try {
      for (;;) {
        const [health, moved] = [await this.#source.health(call), await this.#source.movedTo(call)]
        const pruned = await this.#source.prunedTo(call)
        const place = moved.ok && moved.value !== undefined ? { movedTo: moved.value } : {}
        const prunedTo = pruned.ok ? pruned.value : (this.#seen?.prunedTo ?? 0)
        this.#seen = { ...health, ...place, prunedTo, at: this.#clock.now() }
        await this.#clock.sleep(INTERVAL_MS, call)
      }
    } catch (error) {
      if (!call.signal.aborted) throw error
    }
  }
}

function movedWarning(place: string): string {
  return `the ledger was moved to ${place} and takes nothing more in etcd: stop this node, run \`keygrove ledger migrate --to ${place}\`, and start it again`
}

function memberWarnings({ name, status, trouble }: EtcdMemberHealth): readonly string[] {
  if (trouble !== undefined) return [`etcd's member ${name} does not answer: ${trouble}`]
  return (status?.alarms ?? []).map((alarm) => `etcd's member ${name} raises an alarm: ${alarm}`)
}
