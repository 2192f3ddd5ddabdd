import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp } from "@keygrove/hierarchy"
import { emptyHead } from "@keygrove/ledger"
import { MemoryLedgerEngine, SimulatedClock } from "@keygrove/memory"
import { decodeLabel, type LabelCard } from "@keygrove/reencryption"
import { LedgerReplica } from "@keygrove/service"
import { afterEach, beforeEach, expect, test } from "vitest"
import { makeCeremonyStage, type CeremonyStage } from "../../../../adapters/keystore/src/ceremony/ceremony-kit.contract.ts"
import { directPorts, TestHome } from "../../../../adapters/keystore/src/piece-homes.contract.ts"
import type { KeystoreEngine } from "@keygrove/keystore"
import {
  clusterEntry,
  kitChild,
  kitEntry,
  kitEpochKeys,
  kitGrant,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  signingName,
} from "../../../../core/ledger/src/ledger-kit.contract.ts"
import { encodeConfig, readConfig } from "../home/config.ts"
import { homeOf, type Home } from "../home/home.ts"
import { StartDelegation } from "./start-delegation.ts"
import { setUnlock } from "./start-setting.ts"

const call = { signal: new AbortController().signal }
const root = kitRoot("delegation")
const desk = kitChild(root, "/desk")
const card: LabelCard = {
  owner: { cluster: desk.cluster, path: desk.path },
  label: unwrap(decodeLabel("start/server")),
  epoch: kitEpochKeys(desk, 1).epoch,
  labelKey: kitEpochKeys(desk, 1).encryptionKey,
}

let stage: CeremonyStage
let directory: string
let home: Home
let stored: TestHome
let keystore: KeystoreEngine
let replica: LedgerReplica
const clock = new SimulatedClock()
let isMember = false

beforeEach(async () => {
  stage = makeCeremonyStage()
  directory = mkdtempSync(join(tmpdir(), "keygrove-delegation-"))
  home = homeOf(directory)
  writeFileSync(home.config, encodeConfig({ version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 }))
  stored = new TestHome(stage, directPorts)
  keystore = stored.openEngine()
  const engine = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await engine.append([clusterEntry(root), nodeEntry(root, desk), rekeyEntry(desk, 1)], emptyHead(), call))
  replica = unwrap(await LedgerReplica.open({ primitives: nativePrimitives, engine }, call))
  isMember = false
})
afterEach(async () => {
  await replica[Symbol.asyncDispose]()
  await keystore[Symbol.asyncDispose]()
  await stored[Symbol.asyncDispose]()
  stage[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

const open = async (): Promise<StartDelegation> =>
  unwrap(await StartDelegation.open({ home, context: { keystore, replica, clock }, isMember: () => isMember }, call))
const chosen = (): string | undefined => unwrap(readConfig(home.config)).unlock

async function grant(inMs: number): Promise<void> {
  const { encryptionKey, signingKey } = unwrap(await keystore.bootKeys(call))
  const made = kitGrant(`p${inMs}`, { node: desk, epoch: 1 }, [{ node: desk, epoch: 1 }])
  const expiresAt = unwrap(decodeTimestamp(clock.now() + inMs))
  const body = { ...made, labelKey: card.labelKey, reader: { encryptionKey, signingKey }, expiresAt }
  unwrap(await replica.appendEntries([kitEntry({ kind: "policy-granted", body }, desk, signingName(desk, 1))], call))
}

test("what is set up is chosen, warned of until it is granted and before that ends, and gone with the choice", async () => {
  const delegation = await open()
  expect([chosen(), delegation.warnings()]).toEqual([undefined, []])
  unwrap(await delegation.delegate(card, call))
  expect([chosen(), delegation.warnings()]).toEqual([
    "delegated",
    [expect.stringMatching(/^no grant would unlock this node when it starts: NO_POLICY: /)],
  ])
  await grant(3 * 86_400_000)
  expect(delegation.warnings()).toEqual([expect.stringMatching(/^the grant of "start\/server" by \/desk, .* ends on /)])
  await grant(30 * 86_400_000)
  expect([delegation.warnings(), (await open()).warnings()]).toEqual([[], []])
  unwrap(await delegation.end(call))
  expect([chosen(), unwrap(await delegation.find(call)), delegation.warnings()]).toEqual([undefined, undefined, []])
})

test("a member is started by its peers again; whoever chose peers since stays with them", async () => {
  isMember = true
  const delegation = await open()
  unwrap(await delegation.delegate(card, call))
  unwrap(await delegation.end(call))
  expect(chosen()).toBe("pieces")
  unwrap(await delegation.delegate(card, call))
  unwrap(setUnlock(home, undefined))
  unwrap(await delegation.end(call))
  expect(chosen()).toBeUndefined()
})

test("what a ceremony took away is warned of, and can be set up again", async () => {
  const delegation = await open()
  unwrap(await delegation.delegate(card, call))
  unwrap(await keystore.endDelegatedStart(call))
  const after = await open()
  expect(after.warnings()).toEqual([expect.stringMatching(/sealed to none any more; run `keygrove unlock delegate CARD` again/)])
  unwrap(await after.delegate(card, call))
  expect(after.warnings()).toEqual([expect.stringMatching(/NO_POLICY/)])
})

test("a disk that takes no setting: it can be run again, and what ends does not end by half", async () => {
  const delegation = await open()
  mkdirSync(`${home.config}.new`)
  expect(await delegation.delegate(card, call)).toMatchObject({ code: "HOME_UNWRITABLE" })
  rmdirSync(`${home.config}.new`)
  expect(chosen()).toBeUndefined()
  unwrap(await delegation.delegate(card, call))
  const before = readFileSync(home.config, "utf8")
  mkdirSync(`${home.config}.new`)
  expect(await delegation.end(call)).toMatchObject({ code: "HOME_UNWRITABLE" })
  rmdirSync(`${home.config}.new`)
  expect(readFileSync(home.config, "utf8")).toBe(before)
  expect(unwrap(await delegation.find(call))).toBeDefined()
})
