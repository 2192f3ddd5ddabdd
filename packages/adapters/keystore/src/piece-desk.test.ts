import { setImmediate } from "node:timers/promises"
import { Secret, unwrap } from "@keygrove/base"
import { decodeEpoch } from "@keygrove/hierarchy"
import { afterAll, beforeAll, expect, test } from "vitest"
import { call, messageOf } from "../../../service/src/ports/keystore-cast.contract.ts"
import { keystoreContract } from "../../../service/src/ports/keystore.contract.ts"
import { generationOf, indexOf, openByPieces, shareAmong, type PieceKeystore } from "../../../service/src/ports/piece-keys-cast.contract.ts"
import { pieceKeysContract } from "../../../service/src/ports/piece-keys.contract.ts"
import { ceremonyTools, makeCeremonyStage } from "./ceremony/ceremony-kit.contract.ts"
import { foundNode, type FoundedNode } from "./ceremony/found-node.ts"
import { directPorts, TestHome, type TestNode } from "./piece-homes.contract.ts"

const stage = makeCeremonyStage()
afterAll(() => stage[Symbol.dispose]())
const home = (node?: TestNode): TestHome => new TestHome(stage, directPorts, node)
const subject = { ...ceremonyTools, newHome: async () => await Promise.resolve(home()) }

pieceKeysContract("in this process", subject)

const holders: PieceKeystore[] = []
beforeAll(async () => {
  for (let number = 0; number < 4; number++) holders.push(await home().open())
})
afterAll(async () => {
  for (const holder of holders) await holder[Symbol.asyncDispose]()
})

function newNode(): FoundedNode {
  using seed = Secret.take(ceremonyTools.random(64))
  return unwrap(foundNode(ceremonyTools.primitives, seed, "node"))
}

/** The keystore of a home as pieces open it. */
async function byPieces(of: TestHome): Promise<PieceKeystore> {
  const owner = await of.open()
  const shared = await shareAmong(owner, holders, 1)
  await owner[Symbol.asyncDispose]()
  return await openByPieces(subject, of, shared)
}

test("others are answered while many pieces are made", async () => {
  await using owner = await home().open()
  const { sealingKey } = owner.identity().keys
  const recipients = Array.from({ length: 60 }, (_, at) => ({ index: indexOf(at + 2), sealingKey }))
  let isDone = false
  const sharing = owner.share({ generation: generationOf(1), threshold: 31, recipients }, call).finally(() => void (isDone = true))
  let signatures = 0
  for (; !isDone; signatures++) {
    unwrap(await owner.sign("message", messageOf(signatures), call))
    await setImmediate()
  }
  expect(unwrap(await sharing).pieces).toHaveLength(60)
  expect(signatures).toBeGreaterThan(30)
})

const inEpoch = ({ nodeSecret, place }: FoundedNode, epoch: number): TestNode => ({
  nodeSecret,
  place: { ...place, epoch: unwrap(decodeEpoch(epoch)) },
})

keystoreContract("opened by pieces", {
  ...ceremonyTools,
  open: async () => await byPieces(home()),
  openBeforeAndAfter: async () => {
    const founded = newNode()
    using _wiped = founded.nodeSecret
    return { before: await byPieces(home(inEpoch(founded, 1))), after: await byPieces(home(inEpoch(founded, 3))) }
  },
  openMoved: async () => {
    const [old, founded] = [newNode(), newNode()]
    using _old = old.nodeSecret
    using nodeSecret = founded.nodeSecret
    const before = inEpoch(old, 2)
    return {
      before: await byPieces(home(before)),
      after: await byPieces(home({ nodeSecret, place: founded.place, predecessors: [before] })),
    }
  },
  openToRekey: async () => {
    const of = home()
    const keystore = await byPieces(of)
    return {
      keystore,
      prepare: async (exchange) => await of.prepareRekey(keystore, exchange),
      // What the ceremony made is not in the run record, until a start by the passphrase has put it there.
      reopen: async () => await byPieces(of),
    }
  },
})
