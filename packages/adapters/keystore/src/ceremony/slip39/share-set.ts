import { ok, refuse, type RandomBytes, type Refusal, type Result, type Secret } from "@keygrove/base"
import { decryptMasterSecret, encryptMasterSecret } from "./encryption.ts"
import { interpolate, recoverSecret, splitSecret, type Point } from "./secret-sharing.ts"
import type { Share, ShareSetHeader } from "./share.ts"

export type ShareSetRefusal = "SHARES_DIFFER" | "SHARE_TWICE" | "SHARES_TOO_FEW" | "SHARES_WRONG"

/** Shares of one group in which `threshold` of `count` are needed. */
export interface Sharing {
  /** 1–16, not above {@link Sharing.count}. With 1, every share is the whole secret. */
  readonly threshold: number
  readonly count: number
}

/** As the reference implementation has it: 20,000 iterations. They slow down guesses at a passphrase, which ours is not protected by. */
const ITERATION_EXPONENT = 1
const NO_PASSPHRASE = new Uint8Array(0)

/** Shares of a master secret (16 bytes or more, even) without a passphrase, in one group. They belong to the caller. */
export function makeShares(secret: Secret, sharing: Sharing, random: RandomBytes): readonly Share[] {
  const [high = 0, low = 0] = random(2)
  const header = {
    identifier: ((high << 8) | low) & 0x7fff,
    isExtendable: true,
    iterationExponent: ITERATION_EXPONENT,
    groupThreshold: 1,
    groupCount: 1,
  }
  using encrypted = encryptMasterSecret(secret, NO_PASSPHRASE, header)
  return splitSecret(encrypted, sharing, random).map((value, memberIndex) => ({
    ...header,
    groupIndex: 0,
    memberIndex,
    memberThreshold: sharing.threshold,
    value,
    [Symbol.dispose]: () => value[Symbol.dispose](),
  }))
}

/** Shares as people bring them, one after the other. Owns those that were added. */
export class ShareSet implements Disposable {
  readonly #shares: Share[] = []

  /** Takes over a share of the same set; one that is refused stays the caller's. */
  add(share: Share): Result<true, ShareSetRefusal> {
    const known = this.#shares.find((each) => differenceOf(each, share) !== undefined)
    if (known !== undefined)
      return refuse("SHARES_DIFFER", `${nameOf(share)} is of another set than ${nameOf(known)}: ${differenceOf(known, share)}`)
    const same = this.#shares.find(({ groupIndex, memberIndex }) => groupIndex === share.groupIndex && memberIndex === share.memberIndex)
    if (same === undefined) {
      this.#shares.push(share)
      return ok(true)
    }
    return same.value.equals(share.value)
      ? refuse("SHARE_TWICE", `${nameOf(share)} was given already; give another one`)
      : refuse("SHARES_DIFFER", `there are two different shares of the number ${share.memberIndex + 1}; they are of two sets`)
  }

  /** Whether no more are needed. */
  get isComplete(): boolean {
    return this.#shares.length > 0 && this.missing === undefined
  }

  /** What is still needed, for people: `1 more share`; `undefined` when nothing is. */
  get missing(): string | undefined {
    const [first] = this.#shares
    if (first === undefined) return "at least one share"
    const groups = this.#groups()
    const complete = groups.filter((group) => isComplete(group))
    if (complete.length >= first.groupThreshold) return undefined
    if (first.groupCount === 1) return shareCount(lacking(groups[0] ?? []))
    const begun = groups.filter((group) => !isComplete(group))
    const named = begun.map((group) => `${shareCount(lacking(group))} of group ${(group[0]?.groupIndex ?? 0) + 1}`)
    const others = first.groupThreshold - complete.length - begun.length
    return [...named, ...(others > 0 ? [`shares of ${others} more ${others === 1 ? "group" : "groups"}`] : [])].join(", ")
  }

  /** The master secret; belongs to the caller. Shares beyond those needed must agree with the others. A wrong passphrase gives another secret. */
  combine(passphrase: Uint8Array = NO_PASSPHRASE): Result<Secret, ShareSetRefusal> {
    const { missing } = this
    const [first] = this.#shares
    if (first === undefined || missing !== undefined)
      return refuse("SHARES_TOO_FEW", `still needed: ${missing ?? "a share"}; find what is missing and run it again`, {
        given: this.#shares.length,
      })
    using stack = new DisposableStack()
    const points: Point[] = []
    for (const group of this.#groups().filter(isComplete)) {
      const value = secretOf(
        group.map(({ memberIndex: x, value: y }) => ({ x, value: y })),
        group[0]?.memberThreshold ?? 1,
      )
      if (value === undefined) return wrong()
      points.push({ x: group[0]?.groupIndex ?? 0, value: stack.use(value) })
    }
    const encrypted = secretOf(points, first.groupThreshold)
    if (encrypted === undefined) return wrong()
    using owned = encrypted
    return ok(decryptMasterSecret(owned, passphrase, first))
  }

  [Symbol.dispose](): void {
    for (const share of this.#shares.splice(0)) share[Symbol.dispose]()
  }

  #groups(): readonly (readonly Share[])[] {
    return [...Map.groupBy(this.#shares, ({ groupIndex }) => groupIndex).values()]
  }
}

/** Of the first points that suffice; `undefined` when their digest or one of the others contradicts them. */
function secretOf(points: readonly Point[], threshold: number): Secret | undefined {
  const needed = points.slice(0, threshold)
  const secret = recoverSecret(needed, threshold)
  if (secret === undefined) return undefined
  const agrees = points.slice(threshold).every(({ value, x }) => {
    using expected = threshold === 1 ? secret.copy() : interpolate(needed, x)
    return expected.equals(value)
  })
  if (agrees) return secret
  secret[Symbol.dispose]()
  return undefined
}

/** What two shares of one set never differ in; `undefined` when they do not. */
function differenceOf(a: Share, b: Share): string | undefined {
  if (a.identifier !== b.identifier || a.isExtendable !== b.isExtendable) return "it has another identifier"
  const fields: readonly (keyof ShareSetHeader)[] = ["iterationExponent", "groupThreshold", "groupCount"]
  if (fields.some((field) => a[field] !== b[field])) return "it was made with other settings"
  if (a.value.length !== b.value.length) return "it has another length"
  if (a.groupIndex === b.groupIndex && a.memberThreshold !== b.memberThreshold)
    return `it wants ${b.memberThreshold} shares together, the other ${a.memberThreshold}`
  return undefined
}

function wrong(): Refusal<"SHARES_WRONG"> {
  return refuse(
    "SHARES_WRONG",
    "the shares do not fit together, though each is whole; one of them is of another set with the same identifier",
  )
}

/** `share 3`, or `share 3 of group 2` where there are several. */
export function nameOf({ groupCount, groupIndex, memberIndex }: Share): string {
  return `share ${memberIndex + 1}${groupCount === 1 ? "" : ` of group ${groupIndex + 1}`}`
}

function isComplete(group: readonly Share[]): boolean {
  return lacking(group) <= 0
}

function lacking(group: readonly Share[]): number {
  return (group[0]?.memberThreshold ?? 1) - group.length
}

function shareCount(count: number): string {
  return `${count} more ${count === 1 ? "share" : "shares"}`
}
