import { setImmediate } from "node:timers/promises"
import { unwrap } from "@keygrove/base"
import type { KeyEntry } from "@keygrove/keys"
import type { NamedKeys } from "@keygrove/service"
import { Calls, call, type CrashSite } from "./keystore-calls.ts"
import { allKeys, eventsFrom, openKeystore, sealedIn, tracesOf } from "./keystore-home.ts"
import { judgeAudit, judgeKeys, viewOf, type KeyView } from "./keystore-model.ts"

/** Calls that are sent at once before a kill. */
const MAX_CALLS = 12
/** Latest kill after sending: about as long as so many calls take. */
const MAX_DELAY_MS = 30
/** Keys that are used after each opening, besides those that were changed. */
const SAMPLE = 4

/** One keystore that is killed again and again, with all that is known of it. */
export class CrashHistory {
  readonly #site: CrashSite
  #facts: ReadonlyMap<string, KeyView> = new Map()
  #entries: readonly KeyEntry[] = []
  readonly #calls: Calls
  #sealed: ReadonlyMap<string, Buffer> = new Map()
  /** Sealed secrets of destroyed versions, as they were. */
  readonly #buried: Map<string, Buffer> = new Map()
  #events = 0
  /** How the calls of all rounds ended. */
  readonly counts: { answered: number; lost: number; doneUnanswered: number; destroyed: number } = {
    answered: 0,
    lost: 0,
    doneUnanswered: 0,
    destroyed: 0,
  }

  constructor(site: CrashSite) {
    this.#site = site
    this.#calls = new Calls(site)
  }

  /** Opens the keystore, judges what the last kill left, and kills it again in the middle of several calls. Returns what is wrong. */
  async round(): Promise<readonly string[]> {
    const { home, random } = this.#site
    await using child = await openKeystore(home, call)
    const wrong = [...(await this.#judge(child.keystore.keys))]
    const calls = Array.from({ length: 1 + Math.floor(random() * MAX_CALLS) }, async () => await this.#calls.sendAny(child, this.#entries))
    const until = performance.now() + random() * MAX_DELAY_MS
    while (performance.now() < until) await setImmediate()
    process.kill(child.pid, "SIGKILL")
    await Promise.all(calls)
    await child.keystore.ended
    wrong.push(...this.#inspectFiles())
    return wrong
  }

  /** Judges everything once more, all secrets included, without another kill. */
  async finish(): Promise<readonly string[]> {
    await using child = await openKeystore(this.#site.home, call)
    const wrong = [...(await this.#judge(child.keystore.keys)), ...(await this.#useAll(child.keystore.keys, this.#entries))]
    const told = unwrap(await child.keystore.keys.verifyAudit(call)).length
    const owed = this.#events + this.#calls.steps.length
    return told === owed ? wrong : [...wrong, `the trail has ${told} events, not ${owed}`]
  }

  async #judge(keys: NamedKeys): Promise<readonly string[]> {
    const head = await keys.verifyAudit(call)
    if (!head.ok) return [`the audit trail does not verify: ${head.message}`]
    const events = await eventsFrom(keys, this.#events, call)
    this.#events = head.value.length
    const entries = await allKeys(keys, call)
    const after = { keys: new Map(entries.map((entry) => [entry.id, viewOf(entry)])), secrets: versionsOf(this.#sealed) }
    const wrong = [...judgeKeys(this.#facts, this.#calls.steps, after), ...judgeAudit(this.#calls.steps, events)]
    const changed = entries.filter(({ id }) => JSON.stringify(this.#facts.get(id)) !== JSON.stringify(after.keys.get(id)))
    this.#count(changed)
    this.#facts = after.keys
    this.#entries = entries
    this.#calls.forget()
    const sample = entries.filter(() => this.#site.random() < SAMPLE / entries.length)
    wrong.push(...(await this.#useAll(keys, [...new Set([...changed, ...sample])])))
    return [...wrong, ...tracesOf(this.#site.home, this.#buried).map((place) => `the sealed secret of ${place} is still in the file`)]
  }

  /** The files as the kill left them: whose destruction was acknowledged must not be in them any more, not even unlinked. */
  #inspectFiles(): readonly string[] {
    const before = this.#sealed
    this.#sealed = sealedIn(this.#site.home, `${this.#site.directory}/copy`)
    for (const [place, bytes] of before) if (!this.#sealed.has(place)) this.#buried.set(place, bytes)
    const acknowledged = new Set(
      this.#calls.steps.flatMap(({ entry }) =>
        (entry?.versions ?? []).flatMap(({ state, version }) => (entry && state === "destroyed" ? [`${entry.id}:${version}`] : [])),
      ),
    )
    const gone = new Map([...before].filter(([place]) => acknowledged.has(place)))
    return tracesOf(this.#site.home, gone).map((place) => `${place} was destroyed, and its sealed secret is still in the file`)
  }

  #count(changed: readonly KeyEntry[]): void {
    const lost = this.#calls.steps.filter(({ outcome }) => outcome === "lost")
    this.counts.lost += lost.length
    this.counts.answered += this.#calls.steps.length - lost.length
    const answered = new Map(this.#calls.steps.flatMap(({ entry }) => (entry === undefined ? [] : [[entry.id, viewOf(entry)]])))
    this.counts.doneUnanswered += changed.filter((entry) => JSON.stringify(answered.get(entry.id)) !== JSON.stringify(viewOf(entry))).length
    this.counts.destroyed = this.#buried.size
  }

  /** Whether the keys do what their states say: an enabled version signs or decrypts, any other refuses. */
  async #useAll(keys: NamedKeys, entries: readonly KeyEntry[]): Promise<readonly string[]> {
    const wrong: string[] = []
    for (const entry of entries) {
      for (const { state, version } of entry.versions) {
        const outcome = await this.#calls.use(keys, entry, version)
        const owed = { enabled: "ok", disabled: "KEY_DISABLED", destroyed: "KEY_DESTROYED" }[state]
        if (outcome !== undefined && outcome !== owed) wrong.push(`${entry.id} version ${version} is ${state} and answers ${outcome}`)
      }
    }
    return wrong
  }
}

function versionsOf(sealed: ReadonlyMap<string, Buffer>): ReadonlyMap<string, readonly number[]> {
  const versions = new Map<string, number[]>()
  for (const place of sealed.keys()) {
    const [id = "", version] = place.split(":")
    versions.set(
      id,
      [...(versions.get(id) ?? []), Number(version)].toSorted((a, b) => a - b),
    )
  }
  return versions
}
