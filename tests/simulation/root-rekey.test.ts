import { ok, unwrap, type Result } from "@keygrove/base"
import { decodeRootPlan, encodeRootPlan, findNode, type OpenedRootPlan, type RootPlan } from "@keygrove/ledger"
import { RootRekeying, seekOwnInvitation, type InvitationFile, type RootPlanFile, type RootRekeyProgress } from "@keygrove/service"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Grove } from "./grove.ts"
import { call, type Member } from "./member.ts"
import { KnownRoot, pathOf, planFor } from "./root-plan.ts"

const SEED = "root rekey"
/** More than fit one batch of entries. */
const MANY = Array.from({ length: 70 }, (_, index) => `n${index}`)

let grove: Grove
/** The plan is in the home of `holder`; the cluster is that of `phone`, which runs, with nodes beside it that do not. */
let holder: Member
let phone: Member
let old: KnownRoot
let next: KnownRoot

beforeEach(async () => {
  grove = await Grove.plant(SEED)
  holder = await grove.join("holder")
  phone = await grove.join("phone")
  old = new KnownRoot(`${SEED}/phone`)
  next = new KnownRoot(`${SEED}/phone/next`)
  await grove.settle()
})

afterEach(async () => {
  old[Symbol.dispose]()
  next[Symbol.dispose]()
  await grove[Symbol.asyncDispose]()
})

/** A plan on a disk. */
class PlanOnDisk implements RootPlanFile {
  bytes: Uint8Array | undefined

  constructor(plan: RootPlan) {
    this.bytes = encodeRootPlan(plan)
  }

  read(): Result<OpenedRootPlan | undefined> {
    return this.bytes === undefined ? ok(undefined) : decodeRootPlan(this.bytes)
  }

  remove(): void {
    this.bytes = undefined
  }
}

/** Has the holder's process work on its plan for some seconds. */
async function working<T>(file: RootPlanFile, use: (rekeying: RootRekeying) => Promise<T>): Promise<T> {
  const stop = new AbortController()
  using rekeying = new RootRekeying(holder.context, file)
  const work = rekeying.run({ signal: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted && !holder.life.isDead) throw error
  })
  try {
    return await use(rekeying)
  } finally {
    stop.abort()
    await work
  }
}

const append = async (...entries: readonly Uint8Array[]): Promise<void> => {
  for (let from = 0; from < entries.length; from += 50)
    unwrap(await phone.context.replica.appendEntries(entries.slice(from, from + 50), call))
  await grove.settle()
}
const statesOf = (progress: RootRekeyProgress | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries((progress?.nodes ?? []).map(({ path, state }) => [path, state]))

describe("the plan of a root's replacement", () => {
  test("is carried out, tells who has moved, and ends when nobody is left", async () => {
    await append(old.certified("away"), old.certified("gone"))
    const file = new PlanOnDisk(planFor(old, next, ["phone", "away", "gone"]))
    await working(file, async (rekeying) => {
      await grove.pass(3_000)
      expect(rekeying.progress).toMatchObject({ published: 4, entries: 4, isDone: false })
      expect(holder.context.replica.state.clusters.get(old.cluster)?.replacedBy?.successor).toBe(next.cluster)
      expect(statesOf(rekeying.progress)).toEqual({ "/phone": "waiting", "/away": "waiting", "/gone": "waiting" })
      await append(next.named("phone"), old.revoked("gone"))
      await grove.pass(3_000)
      expect(statesOf(rekeying.progress)).toEqual({ "/phone": "moved", "/away": "waiting", "/gone": "unrevoked" })
      await append(next.revoked("gone"))
      expect(statesOf(rekeying.progress)).toEqual({ "/phone": "moved", "/away": "waiting", "/gone": "ended" })
      expect(file.bytes).toBeDefined()
      // However long it takes.
      await grove.pass(60_000)
      await append(next.named("away"))
      await grove.pass(3_000)
      expect([rekeying.progress, file.bytes]).toEqual([undefined, undefined])
    })
  })

  test("leaves out who was revoked since it was made, and tells of who came after", async () => {
    await append(old.certified("gone"))
    const file = new PlanOnDisk(planFor(old, next, ["phone", "gone"]))
    await append(old.revoked("gone"), old.certified("late"))
    await working(file, async (rekeying) => {
      await grove.pass(3_000)
      expect(statesOf(rekeying.progress)).toEqual({ "/phone": "waiting", "/gone": "ended", "/late": "uninvited" })
      expect(findNode(holder.context.replica.state, { cluster: next.cluster, path: pathOf("gone") })).toBeUndefined()
    })
  })

  test("does nothing where the root stepped down for another one, and says so", async () => {
    using thief = new KnownRoot("thief")
    await append(thief.announced(), old.stepsDownFor(thief))
    const { length } = grove.ledger.head
    await working(new PlanOnDisk(planFor(old, next, ["phone"])), async (rekeying) => {
      await grove.pass(3_000)
      expect(rekeying.progress?.refusal?.code).toBe("ROOT_REKEY_OVERTAKEN")
      expect(rekeying.progress?.replacedAt).toBeUndefined()
    })
    expect(grove.ledger.head.length).toBe(length)
  })

  test("goes on where it was cut off, wherever that was, and repeats nothing", async () => {
    const plan = planFor(old, next, ["phone", ...MANY])
    await append(...MANY.map((name) => old.certified(name)))
    const lengthBefore = grove.ledger.head.length
    const file = new PlanOnDisk(plan)
    // Two batches of entries, and the one by which the root steps down.
    for (const when of ["before", "after", "before", "after", "before", "after"] as const) {
      holder.life.arm({ atEffect: 1, when })
      await working(file, async () => await grove.pass(3_000))
      expect(holder.life.isDead).toBe(true)
      await holder.restart()
      await grove.settle()
    }
    expect(grove.ledger.head.length).toBe(lengthBefore + plan.entries.length + 1)
    await working(file, async (rekeying) => {
      await grove.pass(3_000)
      expect(rekeying.progress).toMatchObject({ published: 72, entries: 72 })
    })
    expect(grove.ledger.head.length).toBe(lengthBefore + plan.entries.length + 1)
    expect(holder.context.replica.state.clusters.get(next.cluster)?.nodes.size).toBe(72)
  })
})

describe("a node whose root was replaced", () => {
  class InvitationOnDisk implements InvitationFile {
    text: string | undefined

    read(): string | undefined {
      return this.text
    }

    keep(invitation: string): void {
      this.text = invitation
    }
  }

  async function seeking<T>(file: InvitationFile, use: () => Promise<T>): Promise<T> {
    const stop = new AbortController()
    const host = { signingKey: holder.key, addresses: [] }
    const work = seekOwnInvitation(phone.context, { file, ledgerHost: () => host }, { signal: stop.signal }).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error
    })
    try {
      return await use()
    } finally {
      stop.abort()
      await work
    }
  }

  test("gets its invitation from the one with the plan, also when that comes late, and is seen there", async () => {
    const file = new InvitationOnDisk()
    const plan = planFor(old, next, ["phone"])
    await seeking(file, async () => {
      await grove.pass(10_000)
      expect(file.text).toBeUndefined()
      await working(new PlanOnDisk(plan), async (rekeying) => {
        await grove.pass(10_000)
        expect(file.text).toBe(plan.invitations[0]?.invitation)
        expect(rekeying.progress?.nodes[0]?.lastSeen).toBeDefined()
      })
    })
  })

  test("keeps none but its own, of the root that came after", async () => {
    using stranger = new KnownRoot("stranger")
    const file = new InvitationOnDisk()
    file.text = stranger.invitation("phone")
    const wrong = planFor(old, next, ["phone"])
    const lying = { ...wrong, invitations: [{ path: pathOf("phone"), invitation: next.invitation("other") }] }
    await seeking(file, async () => {
      await working(new PlanOnDisk(lying), async () => await grove.pass(10_000))
      expect(file.text).toBe(stranger.invitation("phone"))
      await working(new PlanOnDisk(wrong), async () => await grove.pass(10_000))
      expect(file.text).toBe(wrong.invitations[0]?.invitation)
    })
  })

  test("gets none when it has moved, or has ended, or is of another cluster", async () => {
    const plan = planFor(old, next, ["phone"])
    const file = new InvitationOnDisk()
    await append(next.announced(), next.certified("phone"), old.stepsDownFor(next), next.named("phone"))
    await seeking(file, async () => {
      await working(new PlanOnDisk(plan), async () => await grove.pass(10_000))
      expect(file.text).toBeUndefined()
    })
  })
})
