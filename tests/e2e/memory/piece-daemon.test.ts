import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { fromHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { combinePieces, decodeCommitments, decodePieceIndex } from "@keygrove/pieces"
import { systemRandom } from "@keygrove/system"
import { afterAll, expect, test } from "vitest"
import { RunStore } from "../../../packages/adapters/keystore/src/run-store.ts"
import { generationOf } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"
import { bundle } from "../bundle.ts"
import { ProcessHome } from "../node/piece-process.ts"
import { delegatedKeyOf } from "./delegated-key.ts"
import { openKeptPiece } from "./kept-pieces.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const primitives = nativePrimitives
const tools = { primitives, random: systemRandom }
const stage = mkdtempSync(join(tmpdir(), "keygrove-piece-daemon-"))
afterAll(() => rmSync(stage, { recursive: true, force: true }))

interface Said {
  readonly pids: readonly number[]
  readonly sharing: { readonly cluster: string; readonly owner: string; readonly commitments: readonly string[] }
  readonly held: readonly { readonly index: number; readonly stored: string }[]
}

test.runIf(canReadMemory)("who carries pieces between keystores has none of them, nor has a keystore afterwards", async () => {
  const homes = Array.from({ length: 5 }, (_, number) => new ProcessHome(join(stage, `home-${number}`)))
  const [owner, ...holders] = homes
  if (owner === undefined) throw new TypeError("there are five homes")
  const script = new URL("./piece-daemon.fixture.ts", import.meta.url).pathname
  const args = ["--no-warnings", script, join(bundle, "keystore.mjs"), ...homes.map(({ directory }) => directory)]
  const daemon = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  const { value: line = "" } = await createInterface({ input: daemon.stdout })[Symbol.asyncIterator]().next()
  const { held, pids, sharing: told }: Said = JSON.parse(line)
  const commitments = told.commitments.map((each) => unwrap(fromHex(each)))
  const cluster = unwrap(decodeClusterId(told.cluster))
  const sharing = { cluster, owner: unwrap(decodeNodePath(told.owner)), generation: generationOf(1), commitments }
  const pieces = held.flatMap(({ index, stored }, at) => {
    const holder = holders[at]
    const piece = { sharing, index: unwrap(decodePieceIndex(index)), stored: unwrap(fromHex(stored)) }
    return holder === undefined ? [] : [openKeptPiece(holder, piece)]
  })
  const points = unwrap(decodeCommitments(primitives.curve, commitments))
  const { secret: storageKey } = unwrap(combinePieces({ curve: primitives.curve, random: systemRandom }, points, pieces))
  using database = new DatabaseSync(owner.store)
  const runs = new RunStore(database, tools)
  const [slot] = runs.slots()
  if (slot === undefined) throw new TypeError("there is a slot")
  using runKey = unwrap(runs.keyBySlot({ ...slot, storageKey }))
  const [labelOwner, delegating] = [holders[0], holders.at(-1)]
  if (labelOwner === undefined || delegating === undefined) throw new TypeError("there are four holders")
  using delegated = delegatedKeyOf(labelOwner, delegating)
  const secrets = new Map([
    ["storage key", storageKey],
    ["run key", runKey],
    ["seed of the label's capsule", delegated.seed],
    ["storage key that is sealed to a label", delegated.storageKey],
    ...pieces.map(({ index, value }) => [`piece ${index}`, value] as const),
  ])
  const patterns = new Map(
    [...secrets].flatMap(([name, secret]): [string, Uint8Array][] => {
      const bytes = secret.expose((live) => Buffer.from(live))
      return [
        [`${name}: first half`, bytes.subarray(0, 16)],
        [`${name}: last half`, bytes.subarray(16)],
        [`${name}: hex`, Buffer.from(bytes.toString("hex").slice(0, 48))],
      ]
    }),
  )
  expect(patterns.size).toBe(24)
  expect(await findInProcess(process.pid, patterns)).not.toEqual([])
  for (const pid of [daemon.pid ?? -1, ...pids]) expect(await findInProcess(pid, patterns)).toEqual([])
  // It has what it carried, so that finding nothing else means something.
  const stored = Buffer.from(unwrap(fromHex(held[0]?.stored ?? "")))
  expect(await findInProcess(daemon.pid ?? -1, new Map([["stored", stored.subarray(0, 64)]]))).toEqual(["stored"])
  daemon.stdin.end()
})
