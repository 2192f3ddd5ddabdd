import { Secret, unwrap } from "@keygrove/base"
import { decodeEpoch } from "@keygrove/hierarchy"
import { foundNode } from "./ceremony/found-node.ts"
import { KeystoreEngine, type KeystoreTools } from "./engine.ts"
import { unlockNode } from "./node-secrets.ts"

/** One node in epoch 2 below a root, and as it is after it moved below another. */
export function movedEngines(tools: KeystoreTools): { readonly before: KeystoreEngine; readonly after: KeystoreEngine } {
  const { primitives, random } = tools
  using seed = Secret.take(random(64))
  using newSeed = Secret.take(random(64))
  const [old, founded] = [unwrap(foundNode(primitives, seed, "node")), unwrap(foundNode(primitives, newSeed, "node"))]
  using oldSecret = old.nodeSecret
  using nodeSecret = founded.nodeSecret
  const place = { ...old.place, epoch: unwrap(decodeEpoch(2)) }
  return {
    before: new KeystoreEngine(tools, unlockNode(primitives, oldSecret, place)),
    after: new KeystoreEngine(tools, unlockNode(primitives, nodeSecret, founded.place, [{ place, nodeSecret: oldSecret }])),
  }
}
