import { duplexPair } from "node:stream"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { hpkeSealing } from "@keygrove/hpke"
import { systemRandom } from "@keygrove/system"
import { keystoreContract } from "../../../../service/src/ports/keystore.contract.ts"
import { foundNode } from "../ceremony/found-node.ts"
import { KeystoreEngine } from "../engine.ts"
import { unlockNode } from "../node-secrets.ts"
import { KeystoreClient } from "./client.ts"
import { serveKeystore } from "./server.ts"

const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }

keystoreContract("behind its frames", {
  ...tools,
  open: async () => {
    using seed = Secret.take(systemRandom(64))
    const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
    using _wiped = nodeSecret
    const engine = new KeystoreEngine(tools, unlockNode(nativePrimitives, nodeSecret, place))
    const [near, far] = duplexPair()
    void serveKeystore(far, engine, new AbortController().signal).finally(() => void engine[Symbol.asyncDispose]())
    return unwrap(await KeystoreClient.greet(near))
  },
})
