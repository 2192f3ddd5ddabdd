import { refuse, toHex, unwrap, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { PolicyState } from "@keygrove/ledger"
import { MemoryLedgerEngine, seededRandom } from "@keygrove/memory"
import { encodeProxyAnswer } from "@keygrove/peering"
import { decodeLabel, type LabelCard } from "@keygrove/reencryption"
import {
  delegateStart,
  findStart,
  followHost,
  grantPolicy,
  LedgerReplica,
  revokePolicy,
  statementSigner,
  unlockByGrant,
  useLabel,
  type BootKeys,
  type GrantProgress,
  type NodeContext,
} from "@keygrove/service"
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest"
import { makeCeremonyStage } from "../../packages/adapters/keystore/src/ceremony/ceremony-kit.contract.ts"
import { directPorts, TestHome } from "../../packages/adapters/keystore/src/piece-homes.contract.ts"
import { Grove } from "./grove.ts"
import { call, type Member } from "./member.ts"

const label = unwrap(decodeLabel("start/server"))
const DAY_MS = 86_400_000
const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())

let grove: Grove
let owner: Member
let home: TestHome

beforeEach(async () => {
  grove = await Grove.plant("delegated start")
  owner = await grove.join("owner")
  for (const name of ["p1", "p2", "p3", "p4"]) await grove.joinProxy(name)
  home = new TestHome(stage, directPorts)
  await grove.settle()
})
afterEach(async () => {
  await home[Symbol.asyncDispose]()
  await grove[Symbol.asyncDispose]()
})

async function cardOf(member: Member): Promise<LabelCard> {
  const { epoch, labelKey, owner: of } = unwrap(await useLabel(member.context, label, call))
  return { owner: of, label, epoch, labelKey }
}

/** The delegating node while it runs, on another's copy of the ledger: it need not be on it itself. */
async function running<T>(use: (context: Parameters<typeof delegateStart>[0]) => Promise<T>): Promise<T> {
  await using keystore = home.openEngine()
  return await use({ keystore, replica: owner.context.replica, clock: grove.clock })
}

/** Has a storage key of the home sealed to the owner's label; the keys to grant that to. */
async function delegate(): Promise<BootKeys> {
  const card = await cardOf(owner)
  return await running(async (context) => {
    unwrap(await delegateStart(context, card, call))
    return unwrap(await context.keystore.bootKeys(call))
  })
}

async function grant(reader: BootKeys, of = owner, expiresAt = grove.at(30 * DAY_MS)): Promise<Result<PolicyState>> {
  const { encryptionKey, signingKey } = reader
  const order = { label, reader: { encryptionKey, signingKey }, threshold: 2, shares: 3, expiresAt }
  const granted = await grantPolicy(of.context, of.placement, order, call)
  of.remaking.wake()
  await grove.settle()
  return granted
}

interface Start {
  readonly outcome: string
  readonly progress: readonly GrantProgress[]
}

/** Starts the home locked and lets some time pass. "opened" when it is unlocked; "waits", or why it gave up. */
async function start({
  passMs = 0,
  waitsForGrant = true,
  meanwhile = async () => {},
}: { passMs?: number; waitsForGrant?: boolean; meanwhile?: () => Promise<void> } = {}): Promise<Start> {
  await using stack = new AsyncDisposableStack()
  const keystore = stack.use(unwrap(await home.openLocked()))
  const transport = stack.use(grove.network.join(keystore.bootKeys.signingKey))
  const view: { replica?: LedgerReplica } = {}
  const engine = followHost({
    transport,
    host: grove.host,
    copy: new MemoryLedgerEngine(nativePrimitives),
    clock: grove.clock,
    primitives: nativePrimitives,
    folded: () => view.replica,
    onMoved: () => undefined,
  })
  const replica = stack.use(unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call)))
  view.replica = replica
  const random = seededRandom("locked")
  const sources = { keystore, transport, replica, primitives: nativePrimitives, clock: grove.clock, random }
  const progress: GrantProgress[] = []
  const over = new AbortController()
  const onProgress = (each: GrantProgress): void => void progress.push(each)
  const unlocking = unlockByGrant(sources, { waitsForGrant, onProgress }, { signal: over.signal }).catch((error: unknown) => {
    if (over.signal.aborted) return refuse("waits", "it was given no more time")
    throw error
  })
  await grove.settle()
  await meanwhile()
  if (passMs > 0) await grove.pass(passMs)
  over.abort()
  const unlocked = await unlocking
  if (unlocked.ok) stack.use(unlocked.value)
  return { outcome: unlocked.ok ? "opened" : unlocked.code, progress }
}

describe("a start by another node's label", () => {
  test("goes by the grant, from when it is made until it is revoked; what the ledger said before is no reason to give up", async () => {
    const reader = await delegate()
    const early = await start({ meanwhile: async () => void unwrap(await grant(reader)), passMs: 5_000 })
    expect(early.outcome).toBe("opened")
    expect(early.progress[0]).toMatchObject({ code: "NO_POLICY", label, owner: owner.identity.path, isUpToDate: true })
    expect((await start()).outcome).toBe("opened")
    const standing = await running(async (context) => unwrap(await findStart(context, call)))
    const policy = unwrap(standing?.policy ?? refuse("NO_POLICY", "none"))
    await revokePolicy(owner.context, policy.grant.policyId, call)
    await grove.settle()
    expect((await start()).outcome).toBe("POLICY_REVOKED")
    unwrap(await grant(reader))
    expect((await start()).outcome).toBe("opened")
  })

  test("waits for a grant only where nothing else opens the node", async () => {
    await delegate()
    expect((await start({ waitsForGrant: false })).outcome).toBe("NO_POLICY")
    expect((await start({ passMs: 60_000 })).outcome).toBe("waits")
  })

  test("ends with the grant's time", async () => {
    const reader = await delegate()
    unwrap(await grant(reader, owner, grove.at(120_000)))
    expect((await start()).outcome).toBe("opened")
    await grove.pass(120_000)
    expect((await start()).outcome).toBe("POLICY_EXPIRED")
  })

  test("waits for proxies that are down, and takes no lie of the others for the ledger's word", async () => {
    const reader = await delegate()
    const [first, second, third] = grove.proxiesOf(unwrap(await grant(reader)))
    if (first === undefined || second === undefined || third === undefined) throw new TypeError("there are three proxies")
    await first.stop()
    second.lie = async () => await Promise.resolve(encodeProxyAnswer({ kind: "refused", code: "POLICY_REVOKED", message: "a lie" }))
    const waiting = await start({ passMs: 3_000 })
    expect([waiting.outcome, waiting.progress.at(-1)?.code]).toEqual(["waits", "POLICY_REVOKED"])
    const again = await start({ meanwhile: async () => await first.start(), passMs: 40_000 })
    expect(again.outcome).toBe("opened")
  })

  test("goes on when the owner rekeys, granted before or after", async () => {
    const reader = await delegate()
    unwrap(await grant(reader))
    await owner.rekey()
    await grove.pass(60_000)
    expect((await start()).outcome).toBe("opened")
    const standing = await running(async (context) => unwrap(await findStart(context, call)))
    await revokePolicy(owner.context, unwrap(standing?.policy ?? refuse("NO_POLICY", "none")).grant.policyId, call)
    await grove.pass(1_000)
    expect((await start()).outcome).toBe("POLICY_REVOKED")
    // The label has another key by now, and what was sealed is under the one before.
    unwrap(await grant(reader))
    await grove.pass(60_000)
    expect((await start()).outcome).toBe("opened")
  })

  test("is not held up by whoever grants what looks like the label", async () => {
    const reader = await delegate()
    const genuine = unwrap(await grant(reader))
    const rogue = grove.members.find(({ name }) => name === "p4")
    if (rogue === undefined) throw new TypeError("there is a fourth proxy")
    const { keystore, replica }: NodeContext = rogue.context
    const { delegationKey, epoch } = keystore.identity().keys
    const body = { ...genuine.grant, policyId: nativePrimitives.sha256(genuine.grant.policyId), delegationKey, epoch }
    unwrap(await replica.append([{ kind: "policy-granted", body }], statementSigner(keystore), call))
    await grove.settle()
    expect(grove.ledger.state.policies.get(toHex(body.policyId))?.owner.path).toBe(rogue.identity.path)
    expect((await start()).outcome).toBe("opened")
    await revokePolicy(owner.context, genuine.grant.policyId, call)
    await grove.settle()
    expect((await start()).outcome).toBe("POLICY_REVOKED")
  })
})

test("a start is delegated to another node that the ledger knows, and to nobody else", async () => {
  const card = await cardOf(owner)
  await running(async (context) => {
    const { cluster, path } = context.keystore.identity()
    expect(await delegateStart(context, { ...card, owner: { cluster, path } }, call)).toMatchObject({ code: "DELEGATE_OWN_LABEL" })
    const stranger = { ...card, owner: { ...card.owner, cluster } }
    expect(await delegateStart(context, stranger, call)).toMatchObject({ code: expect.stringMatching(/^DELEGATE_/) })
    expect(unwrap(await findStart(context, call))).toBeUndefined()
  })
})
