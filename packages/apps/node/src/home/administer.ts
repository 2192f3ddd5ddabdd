import { resolve } from "node:path"
import { ok, toHex, type Result } from "@keygrove/base"
import type { ClusterId, Generation, NodePath, NodeRevocation, RekeyOrder } from "@keygrove/hierarchy"
import type { CallOptions } from "@keygrove/service"
import { recoverArguments, runCeremony, withoutResult, wordsPassphraseArguments, type CeremonySources } from "./ceremony-process.ts"
import { homeOf } from "./home.ts"

/** What an anchor signs about a node below it. */
export type NodeAct =
  | { readonly kind: "invite"; readonly path: NodePath; readonly generation: Generation; readonly ledger: string }
  | { readonly kind: "revoke"; readonly revocation: NodeRevocation }
  | { readonly kind: "order-rekey"; readonly order: RekeyOrder }

export interface AdministerOptions extends CeremonySources {
  readonly home: string
  readonly cluster: ClusterId
  /** Whose anchor signs: the node of this home, or `/`, the root, whose words {@link CeremonySources.wordsSource} or the terminal gives. */
  readonly author: NodePath
  readonly act: NodeAct
  readonly keyFile?: string
  /** The code of an invitation goes to this file instead of the terminal. */
  readonly codeOut?: string
}

export interface SignedAct {
  /** The encoded ledger entry. */
  readonly entry: Uint8Array
  /** `kginvite1…` */
  readonly invitation?: string
}

/** Runs the keystore program's ceremony that opens the node secret, or reads the root's words, signs one statement and ends. */
export async function administerNode(options: AdministerOptions, call: CallOptions): Promise<Result<SignedAct>> {
  const { act, author, cluster, codeOut, home, keyFile } = options
  const order = { cluster, author, act: actValue(act), ...(codeOut === undefined ? {} : { codeOut: resolve(codeOut) }) }
  const args = ["administer", "--store", homeOf(home).keystore, "--order", JSON.stringify(order)]
  if (keyFile !== undefined) args.push("--key-file", resolve(keyFile))
  if (author === "/") args.push(...recoverArguments(options), ...wordsPassphraseArguments(options))
  const outcome = await runCeremony(args, options, call)
  if (!outcome.ok) return outcome
  const [entry, invitation] = [outcome.value.get("entry"), outcome.value.get("invitation")]
  if (!(entry instanceof Uint8Array)) return withoutResult()
  return ok({ entry, ...(typeof invitation === "string" ? { invitation } : {}) })
}

/** The act as the keystore program reads it. */
function actValue(act: NodeAct): unknown {
  if (act.kind !== "revoke") return act
  const { lastGood, ...rest } = act.revocation
  const position = lastGood === undefined ? {} : { lastGood: { index: lastGood.index, origin: toHex(lastGood.origin) } }
  return { kind: "revoke", revocation: { ...rest, ...position } }
}
