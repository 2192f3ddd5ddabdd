import { fromHex, unwrap } from "@keygrove/base"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath } from "@keygrove/hierarchy"
import type { PreparedRekey } from "@keygrove/service"
import { AnswerFields } from "keygrove/rpc"
import { prepareOn } from "./hold-rekey.ts"
import type { NodeProcess, TestHome } from "./node-process.ts"

/** What a running node answers. */
export const ask = async (node: NodeProcess, method: string, params?: object): Promise<AnswerFields> =>
  new AnswerFields(method, unwrap(await node.call(method, params)))

/** The ceremony for what the running node asks. */
export async function prepareRekey(node: NodeProcess, home: TestHome): Promise<PreparedRekey> {
  const asked = await ask(node, "node.rekeyBegin")
  const place = {
    cluster: unwrap(decodeClusterId(asked.text("cluster"))),
    path: unwrap(decodeNodePath(asked.text("path"))),
    generation: unwrap(decodeGeneration(asked.number("generation"))),
    epoch: unwrap(decodeEpoch(asked.number("epoch"))),
  }
  const exchange = { exchangeKey: unwrap(fromHex(asked.text("exchangeKey"))), signature: unwrap(fromHex(asked.text("signature"))) }
  return await prepareOn({ store: home.file("keystore.db"), keyFile: home.keyFile }, place, exchange)
}

/** Takes the node to what the ceremony prepared. */
export const finishRekey = async (node: NodeProcess, { entry, sealed }: PreparedRekey): Promise<unknown> =>
  await node.call("node.rekeyFinish", {
    entry: Buffer.from(entry).toString("base64"),
    sealed: Buffer.from(sealed).toString("base64"),
  })
