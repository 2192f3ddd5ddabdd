import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { decodeEpoch } from "@keygrove/hierarchy"
import { systemRandom } from "@keygrove/system"
import { describe, expect, test } from "vitest"
import { keystoreContract } from "../../../service/src/ports/keystore.contract.ts"
import { foundNode, type FoundedNode } from "./ceremony/found-node.ts"
import { rekeyingOf } from "./ceremony/rekey-kit.contract.ts"
import { KeystoreEngine } from "./engine.ts"
import { movedEngines } from "./moved-kit.contract.ts"
import { MAX_EPOCHS_AT_HAND, unlockNode, type Predecessor, type UnlockedNode } from "./node-secrets.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }

function newNode(): FoundedNode {
  using seed = Secret.take(systemRandom(64))
  return unwrap(foundNode(nativePrimitives, seed, "node"))
}

function inEpoch(number: number, { nodeSecret, place }: FoundedNode): UnlockedNode {
  return unlockNode(nativePrimitives, nodeSecret, { ...place, epoch: unwrap(decodeEpoch(number)) })
}

keystoreContract("in this process", {
  ...tools,
  open: async () => {
    const founded = newNode()
    using _wiped = founded.nodeSecret
    return await Promise.resolve(new KeystoreEngine(tools, inEpoch(1, founded)))
  },
  openBeforeAndAfter: async () => {
    const founded = newNode()
    using _wiped = founded.nodeSecret
    const open = (epoch: number): KeystoreEngine => new KeystoreEngine(tools, inEpoch(epoch, founded))
    return await Promise.resolve({ before: open(1), after: open(3) })
  },
  openMoved: async () => await Promise.resolve(movedEngines(tools)),
  openToRekey: async () => await rekeyingOf(tools, newNode(), async (engine) => await Promise.resolve(engine)),
})

describe("epochs at hand", () => {
  test("are the current one and the 1,023 before it, which the refusal says", async () => {
    const founded = newNode()
    using _wiped = founded.nodeSecret
    await using keystore = new KeystoreEngine(tools, inEpoch(MAX_EPOCHS_AT_HAND + 5, founded))
    const call = { signal: new AbortController().signal }
    const keyOf = async (epoch: number): Promise<unknown> =>
      await keystore.labelPublicKey({ label: "photos", epoch: unwrap(decodeEpoch(epoch)) }, call)
    expect(await keyOf(6)).toMatchObject({ ok: true })
    expect(await keyOf(5)).toMatchObject({
      code: "KEYSTORE_REQUEST_INVALID",
      message: "epoch 5 is too long ago; the keystore has epochs 6 to 1029 at hand",
    })
    expect(await keyOf(1_030)).toMatchObject({ message: "epoch 1030 is not at hand; the node is in epoch 1029" })
  })

  test("are as many with those of predecessors, of which the oldest are left out", async () => {
    const [founded, first, second] = [newNode(), newNode(), newNode()]
    const secrets = [founded, first, second].map(({ nodeSecret }) => nodeSecret)
    const was = (predecessor: FoundedNode, epoch: number): Predecessor => ({
      place: { ...predecessor.place, epoch: unwrap(decodeEpoch(epoch)) },
      nodeSecret: predecessor.nodeSecret,
    })
    const call = { signal: new AbortController().signal }
    const open = (...predecessors: readonly Predecessor[]): KeystoreEngine =>
      new KeystoreEngine(tools, unlockNode(nativePrimitives, founded.nodeSecret, founded.place, predecessors))
    await using full = open(was(second, 1_000), was(first, 25))
    for (const each of secrets) each[Symbol.dispose]()
    const { cluster } = first.place
    const keyOf = async (epoch: number): Promise<unknown> =>
      await full.labelPublicKey({ label: "photos", cluster, epoch: unwrap(decodeEpoch(epoch)) }, call)
    expect([await keyOf(25), await keyOf(3)]).toMatchObject([{ ok: true }, { ok: true }])
    expect(await keyOf(2)).toMatchObject({ code: "KEYSTORE_REQUEST_INVALID" })
    expect(await full.beginRekey(call)).toMatchObject({
      code: "REKEY_EPOCHS_EXHAUSTED",
      message: expect.stringMatching(/epoch 1 after 1025 below earlier roots/),
    })
  })

  test("hold nothing that signs but the current key, and nothing at all after lock", async () => {
    const founded = newNode()
    using _wiped = founded.nodeSecret
    const node = inEpoch(4, founded)
    const keystore = new KeystoreEngine(tools, node)
    const secretsOf = (bundle: object): readonly Secret[] => Object.values(bundle).filter((each) => each instanceof Secret)
    expect(node.earlier.map((each) => [Number(each.epoch), secretsOf(each).length])).toEqual([
      [3, 4],
      [2, 4],
      [1, 4],
    ])
    expect(Object.keys(node.earlier[0] ?? {}).toSorted()).toEqual(["encryption", "epoch", "labels", "sealing", "storage"])
    const all = [node.secrets, ...node.earlier].flatMap(secretsOf)
    expect(all).toHaveLength(18)
    await keystore.lock({ signal: new AbortController().signal })
    for (const secret of all) expect(() => secret.expose((bytes) => bytes.length)).toThrow()
  })
})
