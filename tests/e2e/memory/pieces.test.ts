import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import type { KeyInfo } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { combinePieces, decodeCommitments, encodeCommitments, splitSecret } from "@keygrove/pieces"
import { openMessage, sealMessage, type Contribution, type SharingReference } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { afterAll, expect, test } from "vitest"
import { pieceContext, returnContext, subpieceContext } from "../../../packages/adapters/keystore/src/piece-contexts.ts"
import { RunStore } from "../../../packages/adapters/keystore/src/run-store.ts"
import { generationOf, indexOf, type PieceKeystore } from "../../../packages/service/src/ports/piece-keys-cast.contract.ts"
import { ProcessHome } from "../node/piece-process.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

const call = { signal: AbortSignal.timeout(170_000) }
const primitives = nativePrimitives
const tools = { curve: primitives.curve, random: systemRandom }
const sealing = createSealing({ x25519: primitives.x25519, random: systemRandom })
const stage = mkdtempSync(join(tmpdir(), "keygrove-piece-memory-"))
afterAll(() => rmSync(stage, { recursive: true, force: true }))

/** A member that this test plays, which therefore knows what it is given. */
interface Played {
  readonly seed: Secret
  readonly signingKey: Uint8Array
  readonly box: Awaited<ReturnType<typeof sealing.generateKeyPair>>
}

async function play(): Promise<Played> {
  const seed = Secret.take(systemRandom(32))
  return { seed, signingKey: primitives.ed25519.publicKey(seed), box: await sealing.generateKeyPair() }
}

/** Opens what a keystore sealed to a played member. */
async function opened({ box }: Played, context: KeyInfo, sender: Uint8Array, sealed: Uint8Array): Promise<Secret> {
  const parties = { context, sender, recipient: box.publicKey }
  return unwrap(await openMessage({ sealing, ed25519: primitives.ed25519, secretKey: box.secretKey }, parties, sealed))
}

async function sealedBy({ seed, signingKey }: Played, context: KeyInfo, recipient: Uint8Array, secret: Secret): Promise<Uint8Array> {
  const sign = (message: Uint8Array): Uint8Array => primitives.ed25519.sign(seed, message)
  return unwrap(await sealMessage({ sealing, sign }, { context, sender: signingKey, recipient }, secret))
}

/** The run key of a home, by the storage key, as whoever has that and the disk could. */
function runKeyOf({ store }: ProcessHome, storageKey: Secret): Secret {
  using database = new DatabaseSync(store)
  const runs = new RunStore(database, { primitives, random: systemRandom })
  const [slot] = runs.slots()
  if (slot === undefined) throw new TypeError("there is a slot")
  return unwrap(runs.keyBySlot({ ...slot, storageKey }))
}

const patterns = new Map<string, Uint8Array>()
/** Both halves of a secret, and its digits, are looked for in every scan from now on. */
function watch(name: string, secret: Secret): void {
  const bytes = secret.expose((live) => Buffer.from(live))
  patterns.set(`${name}: first half`, bytes.subarray(0, 16)).set(`${name}: last half`, bytes.subarray(16))
  patterns.set(`${name}: hex`, Buffer.from(bytes.toString("hex").slice(0, 48)))
}

/** A piece that the holder's keystore has, as it gives it back. */
async function takeBack(
  holder: PieceKeystore,
  piece: { readonly sharing: SharingReference; readonly index: ReturnType<typeof indexOf>; readonly stored: Uint8Array },
): Promise<Secret> {
  const [boot, request] = [await play(), systemRandom(32)]
  const sealed = unwrap(await holder.returnPiece({ ...piece, request, ownerSealingKey: boot.box.publicKey }, call))
  return await opened(boot, returnContext(primitives, piece, request), holder.identity().keys.signingKey, sealed)
}

test.runIf(canReadMemory)("no copy of a storage key, a run key, a piece or a sub-piece stays in a keystore", async () => {
  await using stack = new AsyncDisposableStack()
  const [home, held] = [stack.use(new ProcessHome(join(stage, "owner"))), stack.use(new ProcessHome(join(stage, "holder")))]
  const [owner, holder] = [stack.use(await home.open()), stack.use(await held.open())]
  const pids = [home.pid, held.pid]
  const found = async (): Promise<readonly string[]> =>
    (await Promise.all(pids.map(async (pid) => await findInProcess(pid, patterns)))).flat()
  const { cluster, keys, path } = owner.identity()
  const { sealingKey } = holder.identity().keys
  const played = await Promise.all([play(), play(), play()])
  // Sharing: three pieces for this test, which so learns the storage key, and one for the holder.
  const recipients = [...played.map(({ box }) => box.publicKey), sealingKey].map((key, at) => ({ index: indexOf(at + 2), sealingKey: key }))
  const { commitments, pieces } = unwrap(await owner.share({ generation: generationOf(1), threshold: 3, recipients }, call))
  const sharing = { cluster, owner: path, generation: generationOf(1), commitments }
  const points = unwrap(decodeCommitments(primitives.curve, commitments))
  const values = await Promise.all(
    played.map(async (member, at) => {
      const { index, sealed } = pieces[at] ?? { index: indexOf(1), sealed: new Uint8Array(0) }
      return { index, value: await opened(member, pieceContext(primitives, { sharing, index }), keys.signingKey, sealed) }
    }),
  )
  for (const { index, value } of values) watch(`piece ${index}`, value)
  const storageKey = unwrap(combinePieces(tools, points, values)).secret
  watch("storage key", storageKey)
  watch("run key", runKeyOf(home, storageKey))
  // The scan finds what is there.
  expect(await findInProcess(process.pid, new Map([...patterns].filter(([name]) => name.endsWith("half"))))).not.toEqual([])
  expect(await found()).toEqual([])
  // Holding, giving back and proving.
  const own = { sharing, index: indexOf(5), sealed: pieces[3]?.sealed ?? new Uint8Array(0) }
  const stored = unwrap(await holder.acceptPiece({ ...own, ownerSigningKey: keys.signingKey }, call))
  watch("piece 5", await takeBack(holder, { sharing, index: own.index, stored }))
  unwrap(await holder.provePiece({ sharing, index: own.index, stored, challenge: systemRandom(32) }, call))
  expect(await found()).toEqual([])
  // Giving sub-pieces.
  const to = generationOf(2)
  const moved = played.map(({ box }, at) => ({ index: indexOf(at + 7), sealingKey: box.publicKey }))
  const given = unwrap(await holder.subshare({ sharing, index: own.index, stored, to, threshold: 2, recipients: moved }, call))
  const node = { cluster, path }
  for (const [at, { index, sealed }] of given.subpieces.entries()) {
    const context = subpieceContext({ owner: node, from: sharing.generation, to, fromIndex: own.index, toIndex: index })
    const member = played[at]
    if (member !== undefined) watch(`sub-piece ${index}`, await opened(member, context, holder.identity().keys.signingKey, sealed))
  }
  expect(await found()).toEqual([])
  // Combining sub-pieces, which this test gives as the three old holders.
  const mine = indexOf(9)
  const contributions = await Promise.all(
    values.map(async ({ index, value }, at): Promise<Contribution> => {
      const shared = unwrap(splitSecret(tools, { secret: value, threshold: 2, indices: [mine, indexOf(10)] }))
      const [subpiece] = shared.pieces
      const member = played[at]
      if (subpiece === undefined || member === undefined) throw new TypeError("each old holder gives a sub-piece")
      watch(`sub-piece of ${index}`, subpiece.value)
      const context = subpieceContext({ owner: node, from: sharing.generation, to, fromIndex: index, toIndex: mine })
      const sealed = await sealedBy(member, context, sealingKey, subpiece.value)
      return { index, signingKey: member.signingKey, commitments: encodeCommitments(primitives.curve, shared.commitments), sealed }
    }),
  )
  const combined = unwrap(await holder.combineSubpieces({ from: sharing, to, threshold: 2, index: mine, contributions }, call))
  const newSharing = { ...sharing, generation: to, commitments: combined.commitments }
  watch("combined piece", await takeBack(holder, { sharing: newSharing, index: mine, stored: combined.stored }))
  expect(await found()).toEqual([])
  // Unlocking.
  await owner[Symbol.asyncDispose]()
  const locked = unwrap(await home.openLocked())
  pids[0] = home.pid
  const request = systemRandom(32)
  const returned = await Promise.all(
    values.map(async ({ index, value }, at) => {
      const member = played[at]
      if (member === undefined) throw new TypeError("each played member has a piece")
      const context = returnContext(primitives, { sharing, index }, request)
      const sealed = await sealedBy(member, context, locked.bootKeys.sealingKey, value)
      return { index, holderSigningKey: member.signingKey, sealed }
    }),
  )
  expect(await locked.unlock({ sharing, request, pieces: returned.slice(1) }, call)).toMatchObject({ code: "PIECES_INSUFFICIENT" })
  expect(await found()).toEqual([])
  const { keystore } = unwrap(await locked.unlock({ sharing, request, pieces: returned }, call))
  stack.use(keystore)
  expect(keystore.identity().path).toBe(path)
  expect(await found()).toEqual([])
  // The secrets that the run record gave go with the lock, as those of a passphrase do.
  unwrap(await keystore.lock(call))
})
