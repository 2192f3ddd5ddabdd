import type { AuditedAction, AuditEvent, KeyEntry, KeyState, KeyType } from "@keygrove/keys"

/** A call that was sent to a keystore, and what came back before the keystore was killed. */
export interface Step {
  /** As the audit trail has to tell it. */
  readonly audited: { readonly key: string; readonly action: AuditedAction }
  /** What it may do to which key; nothing for a use. */
  readonly change?: KeyChange
  /** `ok`, the code of a refusal, or `lost`: nothing came back, so it was done wholly or not at all. */
  readonly outcome: string
  /** The key as it is afterwards, when the answer tells. */
  readonly entry?: KnownKey
}

/** Of a key's public side, what a crash could spoil. */
export type KnownKey = Pick<KeyEntry, "id" | "type" | "versions">

export type KeyChange = { readonly key: string } & (
  | { readonly kind: "create" | "rotate" }
  | { readonly kind: "state"; readonly state: KeyState; readonly version?: number }
)

/** One key as it is known to be. */
export interface KeyView {
  readonly type: KeyType
  readonly versions: readonly { readonly state: KeyState; readonly publicKey: string }[]
}

/** What is found in a keystore that was opened again. */
export interface Observed {
  readonly keys: ReadonlyMap<string, KeyView>
  /** Versions of each key that have a sealed secret in the file, in order. */
  readonly secrets: ReadonlyMap<string, readonly number[]>
}

export function viewOf({ type, versions }: Omit<KnownKey, "id">): KeyView {
  return { type, versions: versions.map(({ publicKey, state }) => ({ state, publicKey: Buffer.from(publicKey).toString("hex") })) }
}

/**
 * What is wrong with the keys of a keystore after a crash. Nothing acknowledged may be missing, nothing destroyed may be back, what was not
 * acknowledged is there wholly or not at all, and nothing comes from nowhere. `steps` are in the order of their answers, the lost ones last.
 */
export function judgeKeys(before: ReadonlyMap<string, KeyView>, steps: readonly Step[], after: Observed): readonly string[] {
  const floor = new Map(before)
  const wrong: string[] = []
  for (const { entry } of steps) {
    if (entry === undefined) continue
    wrong.push(...regressions(entry.id, floor.get(entry.id), viewOf(entry)))
    floor.set(entry.id, viewOf(entry))
  }
  const lost = steps.flatMap(({ change, outcome }) => (outcome === "lost" && change !== undefined ? [change] : []))
  for (const id of new Set([...floor.keys(), ...after.keys.keys(), ...after.secrets.keys()])) {
    const seen = after.keys.get(id)
    const possible = lost.filter(({ key }) => key === id)
    if (seen === undefined) wrong.push(...(floor.has(id) ? [`${id} is lost`] : [`${id} has a secret and no record`]))
    else wrong.push(...judgeKey(id, floor.get(id), seen, possible), ...halves(id, seen, after.secrets.get(id) ?? []))
  }
  return wrong
}

/**
 * What is missing in the events that a round added to the audit trail, or is told there without having been asked for. An unanswered call may
 * have its event, once; an answered one must.
 */
export function judgeAudit(steps: readonly Step[], events: readonly AuditEvent[]): readonly string[] {
  const told = counted(events.map(({ action, key, outcome }) => `${action} ${key} ${outcome}`))
  const answered = counted(steps.filter(isAnswered).map(({ audited, outcome }) => `${audited.action} ${audited.key} ${outcome}`))
  const unanswered = counted(steps.filter((step) => !isAnswered(step)).map(({ audited }) => `${audited.action} ${audited.key}`))
  const missing = [...answered].filter(([what, count]) => (told.get(what) ?? 0) < count).map(([what]) => `no event of: ${what}`)
  const extra = new Map<string, number>()
  for (const [what, count] of told) {
    const call = what.slice(0, what.lastIndexOf(" "))
    extra.set(call, (extra.get(call) ?? 0) + Math.max(0, count - (answered.get(what) ?? 0)))
  }
  const invented = [...extra].filter(([call, count]) => count > (unanswered.get(call) ?? 0)).map(([call]) => `nobody asked for: ${call}`)
  return [...missing, ...invented]
}

function judgeKey(id: string, floor: KeyView | undefined, seen: KeyView, possible: readonly KeyChange[]): readonly string[] {
  const creations = floor === undefined && possible.some(({ kind }) => kind === "create") ? 1 : 0
  const rotations = possible.filter(({ kind }) => kind === "rotate").length
  const known = floor?.versions.length ?? 0
  if (known + creations === 0) return [`${id} comes from nowhere`]
  if (seen.versions.length > known + creations + rotations) return [`${id} has version ${seen.versions.length} from nowhere`]
  const wrong = [...(floor === undefined ? [] : regressions(id, floor, seen))]
  seen.versions.forEach(({ state }, index) => {
    const asked = possible.flatMap((change) => (change.kind === "state" && covers(change, index + 1) ? [change.state] : []))
    if (![floor?.versions[index]?.state ?? "enabled", ...asked].includes(state))
      wrong.push(`version ${index + 1} of ${id} is ${state}, which nobody asked for`)
  })
  return wrong
}

/** What a later view of a key must never do: lose a version, change one, or bring one back. */
function regressions(id: string, earlier: KeyView | undefined, later: KeyView): readonly string[] {
  if (earlier === undefined) return []
  if (earlier.type !== later.type) return [`${id} was of type ${earlier.type} and is of type ${later.type}`]
  return earlier.versions.flatMap(({ publicKey, state }, index) => {
    const same = later.versions[index]
    if (same === undefined) return [`version ${index + 1} of ${id} is lost`]
    if (same.publicKey !== publicKey) return [`version ${index + 1} of ${id} is another key`]
    return state === "destroyed" && same.state !== "destroyed" ? [`version ${index + 1} of ${id} was destroyed and is ${same.state}`] : []
  })
}

/** The secrets in the file must be those of the versions that are not destroyed. */
function halves(id: string, { versions }: KeyView, secrets: readonly number[]): readonly string[] {
  const owed = versions.flatMap(({ state }, index) => (state === "destroyed" ? [] : [index + 1]))
  return owed.join() === secrets.join() ? [] : [`${id} must have the secrets [${owed.join()}] and has [${secrets.join()}]`]
}

function covers({ version }: { readonly version?: number }, meant: number): boolean {
  return version === undefined || version === meant
}

function isAnswered({ outcome }: Step): boolean {
  return outcome !== "lost"
}

function counted(words: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
