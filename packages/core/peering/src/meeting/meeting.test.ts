import { equalBytes, unwrap } from "@keygrove/base"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { decodeEntry } from "@keygrove/ledger"
import * as fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitFold,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  rootReplacedEntry,
} from "../../../ledger/src/ledger-kit.contract.ts"
import { nextRequest } from "./follow-answer.ts"
import { kitCode, kitConfirm, kitExpiry, kitParty, kitSign, kitTools, partyOf, type KitParty } from "./meeting-kit.contract.ts"
import { decodeMeetingBody, encodeMeetingBody, type MeetingBody } from "./meeting-messages.ts"
import { meetingWords } from "./meeting-words.ts"
import {
  commitmentTo,
  confirmationSignBytes,
  MEETING_GRACE_MS,
  scanMeeting,
  showMeeting,
  type Meeting,
  type MeetingTools,
} from "./meeting.ts"
import { stepMeeting } from "./step-meeting.ts"

const ann = kitParty("ann")
const bob = kitParty("bob")
const eve = kitParty("eve")
const tools = kitTools()

/** Both sides of a meeting, which say everything through their encodings. */
class Room {
  shows: Meeting
  scans: Meeting
  readonly #tools: MeetingTools
  readonly #scanner: KitParty

  constructor(shower: KitParty = ann, scanner: KitParty = bob, judging: MeetingTools = tools, name = "room") {
    this.#tools = judging
    this.#scanner = scanner
    const code = kitCode(shower, name)
    this.shows = showMeeting(code, shower, kitExpiry)
    this.scans = scanMeeting(kitPrimitives, code, scanner, kitExpiry)
  }

  /** The scanning side asks what comes next, and hears the answer unless it is lost. False when there is nothing to ask. */
  ask({ answerLost = false, from = this.#scanner.identity.signingKey, instead = undefined as MeetingBody | undefined } = {}): boolean {
    const body = instead ?? nextRequest(this.scans)
    if (body === undefined) return false
    const asked = stepMeeting(this.#tools, this.shows, { kind: "asked", from, body: again(body) })
    this.shows = asked.meeting
    const { answer } = asked
    if (answerLost || answer === undefined) return true
    this.scans = answer.ok
      ? stepMeeting(this.#tools, this.scans, { kind: "answered", body: again(answer.value) }).meeting
      : stepMeeting(this.#tools, this.scans, { kind: "refused", refusal: answer }).meeting
    return true
  }

  compare(): this {
    for (let round = 0; round < 10 && this.scans.stage === "exchanging"; round++) this.ask()
    return this
  }

  confirm(side: "shows" | "scans", party: KitParty): void {
    this[side] = kitConfirm(this.#tools, this[side], party)
  }
}

function again(body: MeetingBody): MeetingBody {
  return unwrap(decodeMeetingBody(encodeMeetingBody(body)))
}

function wordsOf({ transcript }: Meeting): string {
  return meetingWords(kitPrimitives, transcript ?? new Uint8Array()).join(" ")
}

test("two people meet: the same words, then both confirm, in either order", () => {
  for (const first of ["shows", "scans"] as const) {
    const room = new Room().compare()
    expect([room.shows.stage, room.scans.stage]).toEqual(["compare", "compare"])
    expect(wordsOf(room.shows)).toMatch(/^[a-z]+( [a-z]+){3}$/)
    expect(wordsOf(room.shows)).toBe(wordsOf(room.scans))
    expect(room.shows.other?.verified?.cluster).toBe(bob.identity.cluster)
    const parties = { shows: ann, scans: bob }
    room.confirm(first, parties[first])
    room.ask()
    expect([room.shows.stage, room.scans.stage]).not.toContain("agreed")
    room.confirm(first === "shows" ? "scans" : "shows", first === "shows" ? bob : ann)
    room.ask()
    expect([room.shows.stage, room.scans.stage]).toEqual(["agreed", "agreed"])
    expect(room.ask()).toBe(false)
  }
})

test("whatever is lost, repeated or late, both sides come to the same end", () => {
  const moves = fc.array(fc.constantFrom("ask", "lose", "repeat", "confirm shows", "confirm scans"), { minLength: 60, maxLength: 120 })
  fc.assert(
    fc.property(moves, (steps) => {
      const room = new Room()
      const said: MeetingBody[] = []
      let dice = 7
      for (const step of [
        ...steps,
        "confirm shows",
        "confirm scans",
        "ask",
        "ask",
        "ask",
        "confirm shows",
        "confirm scans",
        "ask",
        "ask",
      ]) {
        const next = nextRequest(room.scans)
        if (next !== undefined) said.push(next)
        if (step === "ask") room.ask()
        else if (step === "lose") room.ask({ answerLost: true })
        else if (step === "repeat") room.ask({ instead: said[(dice = (dice * 31 + 11) % 1_009) % said.length] ?? { step: "await" } })
        else if (step === "confirm shows" && room.shows.stage === "compare") room.confirm("shows", ann)
        else if (step === "confirm scans" && room.scans.stage === "compare") room.confirm("scans", bob)
        const isOneSided = room.scans.stage === "agreed" && room.shows.stage !== "agreed"
        expect(isOneSided).toBe(false)
      }
      const asked = steps.filter((step) => step === "ask").length
      if (asked > 8) expect([room.shows.stage, room.scans.stage]).toEqual(["agreed", "agreed"])
      expect([room.shows.failure, room.scans.failure]).toEqual([undefined, undefined])
    }),
    { numRuns: 60 },
  )
})

test("long key chains come in several slices", () => {
  const root = kitRoot("many")
  const node = kitChild(root, "/many")
  const children = Array.from({ length: 300 }, (_, index) => nodeEntry(root, kitChild(root, `/child-${index}`)))
  const many = partyOf(root, node, [clusterEntry(root), nodeEntry(root, node), rekeyEntry(node, 1), ...children])
  for (const room of [new Room(many, bob), new Room(ann, many)]) {
    room.compare()
    expect([room.shows.stage, room.scans.stage]).toEqual(["compare", "compare"])
  }
})

describe("somebody in between", () => {
  test("with the codes of both sides gets other words on each side", () => {
    // Eve scans Ann's code, and shows one of her own to Bob.
    const withAnn = new Room(ann, eve).compare()
    const withBob = new Room(eve, bob).compare()
    expect(wordsOf(withAnn.shows)).not.toBe(wordsOf(withBob.scans))
  })

  test("cannot hand a confirmation on from one meeting to another", () => {
    const withAnn = new Room(ann, eve).compare()
    const withBob = new Room(eve, bob).compare()
    withBob.confirm("scans", bob)
    const stolen = nextRequest(withBob.scans)
    withAnn.confirm("shows", ann)
    withAnn.ask({ instead: stolen ?? { step: "await" } })
    expect(withAnn.shows.stage).toBe("confirmed")
  })

  test("cannot choose its nonce after it has seen the other's", () => {
    const room = new Room()
    room.ask()
    room.ask({ instead: { step: "reveal", nonce: kitBytes("a better one"), identity: bob.identity } })
    expect(room.shows).toMatchObject({ stage: "failed", failure: { code: "MEETING_COMMITMENT_WRONG" } })
    expect(room.scans).toMatchObject({ stage: "failed", failure: { code: "MEETING_COMMITMENT_WRONG" } })
  })

  test("cannot answer in the name of whoever showed the code", () => {
    const code = kitCode(ann, "room")
    const scans = scanMeeting(kitPrimitives, code, bob, kitExpiry)
    for (const identity of [
      eve.identity,
      { ...eve.identity, signingKey: ann.identity.signingKey },
      { ...ann.identity, head: eve.identity.head },
    ]) {
      const { meeting } = stepMeeting(tools, scans, { kind: "answered", body: { step: "opening", nonce: kitBytes("n"), identity } })
      expect(meeting).toMatchObject({ stage: "failed", failure: { code: "MEETING_IDENTITY_WRONG" } })
    }
  })

  test("a second scanner is refused, and changes nothing", () => {
    const room = new Room()
    room.ask()
    const before = room.shows
    const second = scanMeeting(kitPrimitives, room.shows.code, eve, kitExpiry)
    const { answer, meeting } = stepMeeting(tools, room.shows, {
      kind: "asked",
      from: eve.identity.signingKey,
      body: nextRequest(second) ?? { step: "await" },
    })
    expect(answer).toMatchObject({ code: "MEETING_TAKEN" })
    expect(meeting).toBe(before)
    // The first one with another commitment is a second scanner too.
    const other = scanMeeting(kitPrimitives, room.shows.code, { ...bob, nonce: kitBytes("another") }, kitExpiry)
    const repeated = stepMeeting(tools, room.shows, {
      kind: "asked",
      from: bob.identity.signingKey,
      body: nextRequest(other) ?? { step: "await" },
    })
    expect(repeated.answer).toMatchObject({ code: "MEETING_TAKEN" })
    expect(room.compare().scans.stage).toBe("compare")
  })
})

describe("who is not to be trusted", () => {
  test("a node of the own cluster", () => {
    const root = kitRoot("ann")
    const phone = kitChild(root, "/phone")
    const own = partyOf(root, phone, [...ann.entries, nodeEntry(root, phone), rekeyEntry(phone, 1)])
    const room = new Room(ann, own).compare()
    expect(room.shows.failure?.code ?? room.scans.failure?.code).toBe("MEETING_OWN_CLUSTER")
  })

  test("a node that its own key chain ends", () => {
    const root = kitRoot("bob")
    const revoked = partyOf(root, bob.node, [...bob.entries, nodeRevokedEntry(root, bob.node, { isLast: true })])
    const room = new Room(ann, revoked).compare()
    expect(room.shows).toMatchObject({ stage: "failed", failure: { code: "KEY_CHAIN_SIGNER_UNKNOWN" } })
  })

  test("a node that this side's ledger ends, whatever chain it shows", () => {
    const root = kitRoot("bob")
    const { head } = kitFold([...bob.entries, nodeRevokedEntry(root, bob.node, { isLast: true })]).ledger
    const room = new Room(
      ann,
      bob,
      kitTools((cluster) => (cluster === bob.identity.cluster ? head : undefined)),
    ).compare()
    expect(room.shows.failure?.code).toBe("KEY_CHAIN_TRUNCATED")
  })

  test("a cluster whose root stepped down", () => {
    const root = kitRoot("bob")
    const replaced = partyOf(root, bob.node, [...bob.entries, rootReplacedEntry(root, kitRoot("bob the second"))])
    const room = new Room(ann, replaced).compare()
    expect(room.shows.failure?.code).toBe("MEETING_ROOT_REPLACED")
  })

  test("one whose entries are not those of its root", () => {
    const room = new Room(ann, { ...bob, entries: eve.entries }).compare()
    expect(room.shows.failure?.code).toBe("KEY_CHAIN_ROOT_WRONG")
    expect(new Room({ ...ann, entries: ann.entries.slice(0, 1) }, bob).compare().scans.failure?.code).toBe("KEY_CHAIN_TRUNCATED")
  })

  test("one that shows less, or another history, than was seen before", () => {
    const longer = kitParty("bob", [nodeEntry(kitRoot("bob"), kitChild(kitRoot("bob"), "/phone"))])
    const lengthOf = (party: KitParty): NonNullable<ReturnType<MeetingTools["known"]>> => kitFold(party.entries).ledger.head
    const truncated = new Room(
      ann,
      bob,
      kitTools((cluster) => (cluster === bob.identity.cluster ? lengthOf(longer) : undefined)),
    ).compare()
    expect(truncated.shows.failure?.code).toBe("KEY_CHAIN_TRUNCATED")
    const forked = kitTools((cluster) => (cluster === bob.identity.cluster ? { ...lengthOf(bob), hash: kitBytes("fork") } : undefined))
    expect(new Room(ann, longer, forked).compare().shows.failure?.code).toBe("KEY_CHAIN_FORKED")
    expect(
      new Room(
        ann,
        longer,
        kitTools((cluster) => (cluster === bob.identity.cluster ? lengthOf(bob) : undefined)),
      ).compare().shows.stage,
    ).toBe("compare")
  })
})

describe("a side that gives up or vanishes", () => {
  const steps = [0, 1, 2, 3, 4] as const

  test.each(steps)("cancelled by whoever shows, after %i requests", (count) => {
    const room = new Room()
    for (let each = 0; each < count; each++) room.ask()
    room.shows = stepMeeting(tools, room.shows, { kind: "cancelled" }).meeting
    room.ask()
    expect([room.shows.failure?.code, room.scans.failure?.code]).toEqual(["MEETING_CANCELLED", "MEETING_CANCELLED"])
  })

  test.each(steps.slice(1))("cancelled by whoever scans, after %i requests", (count) => {
    const room = new Room()
    for (let each = 0; each < count; each++) room.ask()
    room.ask({ instead: { step: "cancel" } })
    expect([room.shows.failure?.code, room.scans.failure?.code]).toEqual(["MEETING_CANCELLED", "MEETING_CANCELLED"])
  })

  test("nothing is cancelled or late any more once both have confirmed", () => {
    const room = new Room().compare()
    room.confirm("shows", ann)
    room.confirm("scans", bob)
    room.ask({ answerLost: true })
    room.ask({ instead: { step: "cancel" } })
    const late = { kind: "time", now: unwrap(decodeTimestamp(kitExpiry + 10 * MEETING_GRACE_MS)) } as const
    for (const event of [{ kind: "cancelled" } as const, late]) expect(stepMeeting(tools, room.shows, event).meeting.stage).toBe("agreed")
  })

  test("who only waits is over after five minutes; who has confirmed asks for the answer a little longer", () => {
    const room = new Room().compare()
    room.confirm("scans", bob)
    const at = (ms: number) => ({ kind: "time", now: unwrap(decodeTimestamp(kitExpiry + ms)) }) as const
    expect(stepMeeting(tools, room.shows, at(-1)).meeting.stage).toBe("compare")
    expect(stepMeeting(tools, room.shows, at(0)).meeting.failure?.code).toBe("MEETING_EXPIRED")
    expect(stepMeeting(tools, room.scans, at(0)).meeting.stage).toBe("confirmed")
    expect(stepMeeting(tools, room.scans, at(MEETING_GRACE_MS)).meeting.failure?.code).toBe("MEETING_EXPIRED")
  })

  test("a confirmation counts for its role and meeting only", () => {
    const room = new Room().compare()
    room.confirm("shows", ann)
    const { transcript = new Uint8Array(32) } = room.shows
    const wrong = [
      kitSign(bob.node, confirmationSignBytes("shows", transcript)),
      kitSign(bob.node, confirmationSignBytes("scans", kitBytes("another meeting"))),
      kitSign(eve.node, confirmationSignBytes("scans", transcript)),
    ]
    for (const confirmation of wrong) {
      const { answer, meeting } = stepMeeting(tools, room.shows, {
        kind: "asked",
        from: bob.identity.signingKey,
        body: { step: "await", confirmation },
      })
      expect([answer?.ok, meeting.stage]).toEqual([false, "confirmed"])
    }
  })
})

test("the words depend on everything that was said", () => {
  const words = new Set<string>()
  const parties: readonly (readonly [KitParty, KitParty])[] = [
    [ann, bob],
    [bob, ann],
    [ann, eve],
    [{ ...ann, nonce: kitBytes("another") }, bob],
    [ann, { ...bob, nonce: kitBytes("another") }],
    [ann, { ...bob, identity: { ...bob.identity, addresses: [] } }],
  ]
  for (const [shower, scanner] of parties) words.add(wordsOf(new Room(shower, scanner).compare().scans))
  words.add(wordsOf(new Room(ann, bob, tools, "another room").compare().scans))
  expect(words.size).toBe(parties.length + 1)
  expect(
    equalBytes(
      commitmentTo(kitPrimitives, kitCode(ann, "a"), kitBytes("x")),
      commitmentTo(kitPrimitives, kitCode(ann, "b"), kitBytes("x")),
    ),
  ).toBe(false)
})

test("the kit's chains are what a ledger gives", () => {
  expect(kitFold(ann.entries).verdicts).toEqual(["applied", "applied", "applied"])
  expect(unwrap(decodeEntry(ann.entries[0] ?? new Uint8Array())).author.key).toEqual(ann.identity.anchorKey)
  expect(anchorName(kitRoot("ann"))).toBe("root ann")
})
