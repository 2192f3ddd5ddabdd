import { duplexPair } from "node:stream"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { decodeEpoch } from "@keygrove/hierarchy"
import { systemRandom } from "@keygrove/system"
import { keystoreContract } from "../../../../service/src/ports/keystore.contract.ts"
import { namedKeysContract } from "../../../../service/src/ports/named-keys.contract.ts"
import { openTestVault } from "../../../vault/src/vault-kit.contract.ts"
import { foundNode } from "../ceremony/found-node.ts"
import { rekeyingOf } from "../ceremony/rekey-kit.contract.ts"
import { KeystoreEngine } from "../engine.ts"
import { movedEngines } from "../moved-kit.contract.ts"
import { unlockNode } from "../node-secrets.ts"
import { KeystoreClient } from "./client.ts"
import { serveKeystore } from "./server.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }

async function behindFrames(engine: KeystoreEngine): Promise<KeystoreClient> {
  const [near, far] = duplexPair()
  const served = { keystore: engine, keys: openTestVault().vault }
  void serveKeystore(far, served, new AbortController().signal).finally(() => void engine[Symbol.asyncDispose]())
  return unwrap(await KeystoreClient.greet(near))
}

/** Keystores of one new node, in each of some epochs. */
async function openInEpochs(epochs: readonly number[]): Promise<readonly KeystoreClient[]> {
  using seed = Secret.take(systemRandom(64))
  const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
  using _wiped = nodeSecret
  const engines = epochs.map((epoch) => {
    const node = unlockNode(nativePrimitives, nodeSecret, { ...place, epoch: unwrap(decodeEpoch(epoch)) })
    return new KeystoreEngine(tools, node)
  })
  return await Promise.all(engines.map(behindFrames))
}

keystoreContract("behind its frames", {
  ...tools,
  open: async () => {
    const [keystore] = await openInEpochs([1])
    if (keystore === undefined) throw new TypeError("one is opened an epoch")
    return keystore
  },
  openBeforeAndAfter: async () => {
    const [before, after] = await openInEpochs([1, 3])
    if (before === undefined || after === undefined) throw new TypeError("one is opened an epoch")
    return { before, after }
  },
  openMoved: async () => {
    const { after, before } = movedEngines(tools)
    return { before: await behindFrames(before), after: await behindFrames(after) }
  },
  openToRekey: async () => {
    using seed = Secret.take(systemRandom(64))
    return await rekeyingOf(tools, unwrap(foundNode(nativePrimitives, seed, "node")), behindFrames)
  },
})

namedKeysContract("behind their frames", {
  ...tools,
  open: async () => {
    using seed = Secret.take(systemRandom(64))
    const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
    using _wiped = nodeSecret
    const { importKey, vault } = openTestVault()
    const [near, far] = duplexPair()
    const keystore = new KeystoreEngine(tools, unlockNode(nativePrimitives, nodeSecret, place))
    void serveKeystore(far, { keystore, keys: vault }, new AbortController().signal)
    return { keys: unwrap(await KeystoreClient.greet(near)).keys, importKey }
  },
})
