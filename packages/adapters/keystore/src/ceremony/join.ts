import type { DatabaseSync } from "node:sqlite"
import { equalBytes, ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import { decodeEpoch, deriveAnchor, type NodePlace } from "@keygrove/hierarchy"
import { openInvitation, type VerifiedInvitation } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { unlockNode } from "../node-secrets.ts"
import type { SecretSource } from "../secret-source.ts"
import { Terminal } from "../terminal/terminal.ts"
import type { CeremonyOutcome } from "./ceremony.ts"
import { encodeGenesis } from "./found-node.ts"
import { decodeCode, openNodeSecret } from "./invitation-code.ts"
import { rekeyEntry } from "./prepare-rekey.ts"
import { newUnlockSecret, storeNode } from "./store-node.ts"
import { readWords } from "./terminal-words.ts"

export interface JoinOrder {
  /** `kginvite1…` */
  readonly invitation: string
  readonly unlock: SecretSource
  /** The code: from a descriptor, or from the terminal. */
  readonly codeDescriptor?: number
}

/** How often a code is asked for on a terminal before it is given up. */
const MAX_TRIES = 3

/**
 * Makes this machine the child that an invitation speaks of: opens its node secret with the code, checks that it is the one that the parent certified, and seals it in an
 * empty keystore database. Offline; the parent's certificate is on the ledger already. The code passes through strings, so the process must end afterwards.
 */
export async function joinCluster(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: JoinOrder,
  options: SourceOptions,
): Promise<Result<CeremonyOutcome>> {
  const invitation = openInvitation(tools.primitives, order.invitation)
  if (!invitation.ok) return invitation
  const { codeDescriptor } = order
  const opened =
    codeDescriptor === undefined
      ? await askCode(tools, invitation.value, options)
      : await readCode(tools, invitation.value, { descriptor: codeDescriptor, options })
  if (!opened.ok) return opened
  using nodeSecret = opened.value
  const { author, child } = invitation.value
  const place: NodePlace = { cluster: author.cluster, path: child.path, generation: child.generation, epoch: unwrap(decodeEpoch(1)) }
  using anchor = deriveAnchor(tools.primitives, nodeSecret)
  if (!equalBytes(anchor.publicKey, child.anchorKey))
    return refuse("INVITATION_INVALID", `the invitation holds another secret than ${child.path} was certified for; have a new one made`)
  const rekey = rekeyEntry(tools.primitives, nodeSecret, place)
  const unlock = await newUnlockSecret(order.unlock, tools, options)
  if (!unlock.ok) return unlock
  using secret = unlock.value.secret
  const stored = storeNode(database, tools, { method: unlock.value.method, secret }, { place, nodeSecret })
  if (!stored.ok) return stored
  using node = unlockNode(tools.primitives, nodeSecret, place)
  return ok({ identity: node.identity, genesis: encodeGenesis([rekey]) })
}

async function readCode(
  tools: KeystoreTools,
  invitation: VerifiedInvitation,
  { descriptor, options }: { readonly descriptor: number; readonly options: SourceOptions },
): Promise<Result<Secret>> {
  const text = await readWords(descriptor, options)
  const code = text.ok ? decodeCode(text.value) : text
  return code.ok ? openNodeSecret(tools, invitation, code.value) : code
}

async function askCode(tools: KeystoreTools, invitation: VerifiedInvitation, options: SourceOptions): Promise<Result<Secret>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("INVITATION_CODE_INVALID", "there is no terminal to ask for the code on; give --code-file FILE")
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const typed = await terminal.askText("Code of the invitation, six words: ", options)
    if (!typed.ok) return typed
    const code = decodeCode(typed.value)
    const opened = code.ok ? openNodeSecret(tools, invitation, code.value) : code
    if (opened.ok || triesLeft === 0) return opened
    terminal.say(`${opened.message}\n`)
  }
}
