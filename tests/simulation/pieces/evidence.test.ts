import { toHex, unwrap } from "@keygrove/base"
import { sealedMessageRecipient } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { MemoryTpm, seededRandom } from "@keygrove/memory"
import {
  decodePieceAnswer,
  decodePieceRequest,
  encodePieceAnswer,
  type CarriedEvidence,
  type PieceAnswer,
  type PieceRequest,
} from "@keygrove/peering"
import { unlockEvidenceBytes } from "@keygrove/pieces"
import { CHALLENGE_MS, joinCustody, showsEvidence, type InboundRequest, type JoinOrder } from "@keygrove/service"
import { describe, expect, test } from "vitest"
import { call } from "../member.ts"
import { grown, machineOf, reopen } from "./grown.ts"
import type { Machine } from "./machine.ts"
import { pieceLie } from "./piece-liars.ts"
import type { PieceWorld } from "./piece-world.ts"

const UPDATE = new Uint8Array(32).fill(7)
const PASSES_MS = 5_000
/** A key that can be sealed to: the base point (RFC 7748 §4.1). */
const X25519_BASE = Uint8Array.of(9, ...new Uint8Array(31))

/** Has a running member joined (again) with evidence. */
async function demand(
  world: PieceWorld,
  machine: Machine,
  order: Pick<JoinOrder, "evidence"> & { readonly unlock?: "approve" },
): Promise<void> {
  const { context, desk, keeper } = machine
  const joining = joinCustody({ context, desk, keeper }, { unlock: "auto", ...order }, call)
  await world.pass(PASSES_MS)
  unwrap(await joining)
}

/** Members of whom the first has its machine looked at. */
async function guarded(seed: string, names = "abc"): Promise<{ readonly world: PieceWorld; readonly machine: Machine }> {
  const world = await grown(seed, names)
  const machine = machineOf(world, "a")
  await demand(world, machine, { evidence: {} })
  return { world, machine }
}

/** Everything that is asked about pieces, and answered. */
interface Heard {
  readonly holder: Machine
  readonly from: Uint8Array
  readonly request: PieceRequest
  readonly answer: PieceAnswer
}

function listenTo(world: PieceWorld): readonly Heard[] {
  const heard: Heard[] = []
  world.onAnswer = (holder, { body, from }: InboundRequest, answer) =>
    heard.push({ holder, from, request: unwrap(decodePieceRequest(body)), answer: unwrap(decodePieceAnswer(answer)) })
  return heard
}

function codesOf({ last }: Awaited<ReturnType<typeof reopen>>): readonly (string | undefined)[] {
  return (last?.refused ?? []).map(({ reason }) => reason.split(":")[0])
}

describe("a member whose machine is looked at", () => {
  test("is unlocked on it, and its pieces come to a key that no copy of the disk has", async () => {
    const { machine, world } = await guarded("right")
    await using _world = world
    const heard = listenTo(world)
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    const member = world.custody.members.get(machine.path)
    const given = heard.flatMap(({ answer, request }) => (answer.kind === "piece" && request.op === "return" ? [{ answer, request }] : []))
    expect(given).toHaveLength(2)
    for (const { answer, request } of given) {
      const recipient = toHex(sealedMessageRecipient(answer.sealed) ?? new Uint8Array(0))
      expect(recipient).toBe(toHex(request.evidence?.sealingKey ?? new Uint8Array(0)))
      expect(recipient).not.toBe(toHex(member?.bootSealingKey ?? new Uint8Array(0)))
    }
    // One quote for both.
    expect(new Set(given.map(({ request }) => toHex(request.evidence?.attest ?? new Uint8Array(0)))).size).toBe(1)
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("is not unlocked elsewhere: not with the key that is left on the disk, nor with one of the other machine", async () => {
    const { machine, world } = await guarded("elsewhere")
    await using _world = world
    machine.tpm = new MemoryTpm(seededRandom("another machine"))
    const lost = await reopen(world, machine, PASSES_MS)
    expect(lost).toMatchObject({ code: "gave up", last: { given: 0, needed: 2, refused: [], problem: { code: "TPM_KEY_LOST" } } })
    unwrap(await machine.attester.enrol(call))
    const refused = await reopen(world, machine, PASSES_MS)
    expect(refused).toMatchObject({ code: "gave up", last: { given: 0, needed: 2 } })
    expect(refused.last?.problem).toBeUndefined()
    expect(codesOf(refused)).toEqual(["EVIDENCE_KEY_WRONG", "EVIDENCE_KEY_WRONG"])
    // Its person moved it: the passphrase, then evidence of what it is in now.
    await machine.start()
    await world.settle()
    await demand(world, machine, { evidence: {} })
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("is not unlocked after it booted something else, unless that was accepted beforehand, or is named since", async () => {
    const { machine, world } = await guarded("updated")
    await using _world = world
    const [before] = world.custody.members.get(machine.path)?.evidence?.digests ?? []
    machine.tpm.extend(4, UPDATE)
    const refused = await reopen(world, machine, PASSES_MS)
    expect(codesOf(refused)).toEqual(["EVIDENCE_MEASUREMENT_WRONG", "EVIDENCE_MEASUREMENT_WRONG"])
    const after = unwrap(await machine.attester.measure([0, 2, 4, 7], call)).pcrDigest
    for (const digest of [before, after]) expect(refused.last?.refused[0]?.reason).toContain(toHex(digest ?? new Uint8Array(0)))
    await machine.start()
    await world.settle()
    await demand(world, machine, { evidence: {} })
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    machine.tpm.reboot()
    expect(codesOf(await reopen(world, machine, PASSES_MS))).toEqual(["EVIDENCE_MEASUREMENT_WRONG", "EVIDENCE_MEASUREMENT_WRONG"])
    machine.tpm.extend(4, UPDATE)
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    await demand(world, machine, { evidence: { accepted: [before ?? UPDATE] } })
    machine.tpm.reboot()
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
    // Registers that do not count may be anything.
    machine.tpm.extend(5, UPDATE)
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("is asked for nothing any more once its owner says so, and for the same as before when nothing is said", async () => {
    const { machine, world } = await guarded("changed")
    await using _world = world
    const named = world.custody.members.get(machine.path)?.evidence
    await demand(world, machine, {})
    expect(world.custody.members.get(machine.path)?.evidence).toEqual(named)
    await demand(world, machine, { evidence: "none" })
    expect(world.custody.members.get(machine.path)?.evidence).toBeUndefined()
    machine.tpm = new MemoryTpm(seededRandom("any machine"))
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })

  test("finds out while it runs that it would not be unlocked", async () => {
    const { machine, world } = await guarded("looking")
    await using _world = world
    const look = async (): Promise<string> => {
      const member = world.custody.members.get(machine.path)
      const shown = member === undefined ? undefined : await showsEvidence(machine.context, member, call)
      return shown === undefined ? "no member" : shown.ok ? "ok" : shown.code
    }
    expect(await look()).toBe("ok")
    machine.tpm.extend(4, UPDATE)
    expect(await look()).toBe("EVIDENCE_MEASUREMENT_WRONG")
    await demand(world, machine, { evidence: {} })
    expect(await look()).toBe("ok")
    await machine.stop()
    machine.tpm = new MemoryTpm(seededRandom("a new board"))
    await machine.start()
    expect(await look()).toBe("TPM_KEY_LOST")
    unwrap(await machine.attester.enrol(call))
    expect(await look()).toBe("EVIDENCE_KEY_WRONG")
    await world.settle()
    await demand(world, machine, { evidence: "none" })
    expect(await look()).toBe("ok")
  })

  test("waits for a person besides, who is not asked before the machine is right", async () => {
    const world = await grown("both", "abc")
    await using _world = world
    const machine = machineOf(world, "a")
    await demand(world, machine, { evidence: {}, unlock: "approve" })
    machine.tpm.extend(7, UPDATE)
    expect(codesOf(await reopen(world, machine, PASSES_MS))).toEqual(["EVIDENCE_MEASUREMENT_WRONG", "EVIDENCE_MEASUREMENT_WRONG"])
    const { desk } = machineOf(world, "b")
    expect(desk.waiting()).toEqual([])
    machine.tpm.reboot()
    const over = AbortSignal.timeout(600_000)
    const opening = machine.startByPieces({ signal: over })
    await world.settle()
    const [waiting] = desk.waiting()
    unwrap(await desk.approve(machine.path, waiting?.request ?? "", call))
    await world.pass(60_000)
    unwrap(await opening)
    expect(machine.isRunning).toBe(true)
  })
})

/** A machine that is locked, one of its holders, and the words between them, each of which can be another. */
async function stolenWords(world: PieceWorld, machine: Machine): Promise<Stolen> {
  const heard = listenTo(world)
  expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  const used = heard.find(({ answer, request }) => answer.kind === "piece" && request.op === "return")
  if (used?.request.op !== "return") throw new TypeError("a piece was given")
  const { from, holder } = used
  const { evidence, ...bare } = used.request
  if (evidence === undefined) throw new TypeError("it was given for evidence")
  const { cluster } = machine.context.keystore.identity()
  return {
    bare,
    used: evidence,
    ask: async (asked) => await holder.desk.answer(from, asked, call),
    challenge: async (about) => {
      const answer = await holder.desk.answer(from, { op: "challenge", owner: machine.path, request: about }, call)
      if (answer.kind !== "challenge") throw new TypeError("a holder challenges whoever has the boot key")
      return answer.nonce
    },
    prove: async (nonces, sealingKey) => {
      const unlock = { cluster, owner: machine.path, bootSigningKey: from, request: bare.request }
      const qualifyingData = nativePrimitives.sha256(unlockEvidenceBytes(unlock, { nonces, sealingKey }))
      return { nonces, sealingKey, ...unwrap(await machine.attester.quote({ qualifyingData, pcrs: [0, 2, 4, 7] }, call)) }
    },
  }
}

type Return = Extract<PieceRequest, { readonly op: "return" }>

interface Stolen {
  /** The machine's request without evidence, and the evidence that went with it. */
  readonly bare: Omit<Return, "evidence">
  readonly used: CarriedEvidence
  ask(asked: PieceRequest): Promise<PieceAnswer>
  challenge(about: Uint8Array): Promise<Uint8Array>
  /** What the machine itself would show. */
  prove(nonces: readonly Uint8Array[], sealingKey: Uint8Array): Promise<CarriedEvidence>
}

describe("whoever has the boot key and not the machine", () => {
  test("gets nothing for evidence that was used, is old, or is about another unlocking, key or nonce", async () => {
    const { machine, world } = await guarded("replayed")
    await using _world = world
    const { ask, bare, challenge, prove, used } = await stolenWords(world, machine)
    const [key, other] = [new Uint8Array(32).fill(9), new Uint8Array(32).fill(8)]
    const asked = async (evidence: CarriedEvidence, about = bare.request): Promise<string> => {
      const answer = await ask({ ...bare, request: about, evidence })
      return answer.kind === "refused" ? answer.code : answer.kind
    }
    expect(await ask(bare)).toMatchObject({ kind: "refused", code: "EVIDENCE_MISSING" })
    expect(await asked(used)).toBe("EVIDENCE_STALE")
    const nonce = await challenge(bare.request)
    expect(await asked({ ...used, nonces: [...used.nonces, nonce] })).toBe("EVIDENCE_STALE")
    // What the machine shows now counts once, and for what it is about only.
    const good = await prove([other, await challenge(bare.request)], X25519_BASE)
    expect(await asked({ ...good, nonces: good.nonces.slice(0, 1) })).toBe("EVIDENCE_STALE")
    expect(await asked(good, other)).toBe("EVIDENCE_STALE")
    expect(await asked(good)).toBe("piece")
    expect(await asked(good)).toBe("EVIDENCE_STALE")
    const swapped = await prove([await challenge(bare.request)], X25519_BASE)
    expect(await asked({ ...swapped, sealingKey: key })).toBe("EVIDENCE_STALE")
    const late = await prove([await challenge(bare.request)], X25519_BASE)
    await world.pass(CHALLENGE_MS)
    expect(await asked(late)).toBe("EVIDENCE_STALE")
    const elsewhere = await prove([await challenge(other)], X25519_BASE)
    expect(await asked(elsewhere)).toBe("EVIDENCE_STALE")
    const garbled = { ...(await prove([await challenge(bare.request)], X25519_BASE)), attest: key }
    expect(await asked(garbled)).toBe("EVIDENCE_INVALID")
    const bent = await prove([await challenge(bare.request)], X25519_BASE)
    expect(await asked({ ...bent, attest: bent.attest.map((byte, at) => (at === bent.attest.length - 1 ? byte ^ 1 : byte)) })).toBe(
      "EVIDENCE_KEY_WRONG",
    )
  })

  test("is not even challenged without the boot key", async () => {
    const { machine, world } = await guarded("stranger")
    await using _world = world
    const holder = machineOf(world, "b")
    for (const from of [machine.firstKey, machineOf(world, "c").firstKey])
      expect(await holder.desk.answer(from, { op: "challenge", owner: machine.path, request: new Uint8Array(32) }, call)).toMatchObject({
        kind: "refused",
        code: "UNLOCK_NOT_OWNER",
      })
  })

  test("uses up none of its owner's unlockings", async () => {
    const { machine, world } = await guarded("not counted")
    await using _world = world
    const { tpm } = machine
    machine.tpm = new MemoryTpm(seededRandom("a thief's machine"))
    for (let tries = 0; tries < 7; tries++) await reopen(world, machine)
    machine.tpm = tpm
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })
})

describe("holders", () => {
  test("that are off, give nonces of others, or none, keep nobody waiting", async () => {
    const { machine, world } = await guarded("liars", "abcdefg")
    await using _world = world
    const copied = new Uint8Array(32).fill(3)
    machineOf(world, "b").lie = pieceLie("deaf")
    machineOf(world, "c").lie = async (_asked, honest) => {
      const answer = unwrap(decodePieceAnswer(await honest()))
      return encodePieceAnswer(answer.kind === "challenge" ? { kind: "challenge", nonce: copied } : answer)
    }
    await world.pass(60_000)
    const opened = await reopen(world, machine)
    expect(opened).toMatchObject({ code: "unlocked" })
    await machineOf(world, "d").stop()
    machineOf(world, "c").lie = undefined
    expect(await reopen(world, machine)).toMatchObject({ code: "unlocked" })
  })
})
