import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { OrderedMap, unwrap } from "@keygrove/base"
import { decodeClusterId, decodeNodePath, decodeTimestamp } from "@keygrove/hierarchy"
import {
  decodeKeyGeneration,
  decodePieceIndex,
  emptyCustody,
  type CustodyMember,
  type CustodyState,
  type GenerationState,
  type Sharing,
} from "@keygrove/pieces"
import { afterAll, expect, test } from "vitest"
import { encodeConfig } from "../home/config.ts"
import { piecesWarnings } from "./pieces-warnings.ts"

const directory = mkdtempSync(join(tmpdir(), "keygrove-pieces-"))
afterAll(() => rmSync(directory, { recursive: true }))

const config = { version: 1, ledger: "embedded", listen: "/ip4/127.0.0.1/tcp/0", rpcPort: 0 } as const
const self = { cluster: unwrap(decodeClusterId("0".repeat(64))), path: unwrap(decodeNodePath("/laptop")) }
const progress = { kept: [], troubles: [], liars: [], moves: [] }

function warnings(text: string, isReplaced = false): readonly string[] {
  const path = join(directory, "config.json")
  writeFileSync(path, text)
  return piecesWarnings({ custody: emptyCustody(), self }, { home: { config: path }, progress, isReplaced })
}

test("a node that peers are to unlock, and that is no member, is told to join again", () => {
  expect(warnings(encodeConfig({ ...config, unlock: "pieces" }))).toEqual([
    expect.stringMatching(/no pieces with them any more; run `keygrove pieces join`/),
  ])
})

test("a node whose root was replaced is not told to join below the old one", () => {
  expect(warnings(encodeConfig({ ...config, unlock: "pieces" }), true)).toEqual([])
})

test("a node that never joined is told nothing", () => {
  expect(warnings(encodeConfig(config))).toEqual([])
  expect(warnings("no configuration")).toEqual([])
})

const path = (text: string): CustodyMember["path"] => unwrap(decodeNodePath(text))
const PATHS = ["/desk", "/laptop", "/shed"].map(path)

function mapOf<K extends string | number, V>(entries: readonly (readonly [K, V])[]): OrderedMap<K, V> {
  return entries.reduce((map, [key, value]) => map.set(key, value), OrderedMap.empty<K, V>())
}

/** Some of three members, and a key generation that has begun, in which some have shared with all others. */
function custody(members: readonly string[], shared: readonly string[], completedAt?: number): CustodyState {
  const keys = { bootSigningKey: new Uint8Array(32), bootSealingKey: new Uint8Array(32) }
  const rest = { since: 1, revision: 1, ...keys, unlock: "auto", addresses: [], wipedUpTo: 0 } as const
  const indices = PATHS.map((_path, place) => unwrap(decodePieceIndex(place + 1)))
  const sharing = (owner: CustodyMember["path"]): [CustodyMember["path"], Sharing] => [
    owner,
    { owner, id: new Uint8Array(32), commitments: [], held: indices.filter((_index, place) => PATHS[place] !== owner), at: 5 },
  ]
  const generation: GenerationState = {
    generation: unwrap(decodeKeyGeneration(4)),
    startedAt: 4,
    startedBy: path("/desk"),
    members: PATHS.map((each) => ({ path: each, since: 1 })),
    sharings: mapOf(shared.map((each) => sharing(path(each)))),
    attempts: OrderedMap.empty(),
    ...(completedAt === undefined ? {} : { completedAt }),
  }
  return {
    ...emptyCustody(),
    members: mapOf(members.map((each) => [path(each), { path: path(each), ...rest }])),
    lastGeneration: 4,
    generations: mapOf([[4, generation]]),
  }
}

test.each([
  [
    "two members",
    custody(["/laptop", "/shed"], []),
    ["no pieces at others yet, .* run `keygrove pieces join` on 1 more node,", "waits: 0 of 3 .*, 2 must; start the members"],
  ],
  ["one that has not shared yet", custody(["/desk", "/laptop", "/shed"], ["/desk", "/shed"], 6), ["no pieces at others yet, .* by itself"]],
  [
    "one whose holder was revoked",
    custody(["/laptop", "/shed"], ["/laptop", "/shed"], 6),
    ["^1 of the 2 nodes that it takes .* on 1 more node,"],
  ],
  ["one that all is well with", custody(["/desk", "/laptop", "/shed"], ["/laptop", "/desk"], 6), []],
] as const)("%s: what is wrong and what to do", (_name, state, lines) => {
  const told = piecesWarnings({ custody: state, self }, { home: { config: join(directory, "config.json") }, progress, isReplaced: false })
  expect(told).toEqual(lines.map((line) => expect.stringMatching(new RegExp(line))))
})

test("who lies is named, with what its person does next", () => {
  const liars = [{ path: path("/shed"), what: "its proof does not hold", at: unwrap(decodeTimestamp(1)) }]
  const state = custody(["/desk", "/laptop", "/shed"], ["/laptop", "/desk"], 6)
  const told = piecesWarnings(
    { custody: state, self },
    { home: { config: join(directory, "config.json") }, progress: { ...progress, liars }, isReplaced: false },
  )
  expect(told).toEqual([expect.stringMatching(/^\/shed does not keep .*: its proof does not hold; look after that machine, and revoke it/)])
})
