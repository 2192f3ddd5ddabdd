import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { systemRandom } from "@keygrove/system"
import { keystoreContract } from "../../../service/src/ports/keystore.contract.ts"
import { foundNode } from "./ceremony/found-node.ts"
import { KeystoreEngine } from "./engine.ts"
import { unlockNode } from "./node-secrets.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

const tools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }

keystoreContract("in this process", {
  ...tools,
  open: async () => {
    using seed = Secret.take(systemRandom(64))
    const { nodeSecret, place } = unwrap(foundNode(nativePrimitives, seed, "node"))
    using _wiped = nodeSecret
    return await Promise.resolve(new KeystoreEngine(tools, unlockNode(nativePrimitives, nodeSecret, place)))
  },
})
