import type { Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { KeystoreProcess } from "@keygrove/keystore"
import { unlockByGrant, type CallOptions, type GrantProgress } from "@keygrove/service"
import { systemClock, systemRandom } from "@keygrove/system"
import type { KeystoreSurroundings } from "../runtime/open-keystore.ts"
import { openUnderBootKey } from "./locked-start.ts"

/** Why a node is not unlocked by a grant yet, since the start of one unlocking. */
export interface GrantWaiting extends GrantProgress {
  /** How often it was tried. */
  readonly rounds: number
}

/** Opens the keystore of a home by a grant of the label that its storage key is sealed to. It waits for a grant that was not made yet, unless a key file opens the node. */
export async function openByGrant(
  surroundings: KeystoreSurroundings,
  call: CallOptions,
  onProgress: (progress: GrantWaiting) => void,
): Promise<Result<KeystoreProcess>> {
  const waitsForGrant = surroundings.config.keyFile === undefined
  let rounds = 0
  return await openUnderBootKey(surroundings, call, async (start, options) => {
    const sources = { ...start, primitives: nativePrimitives, clock: systemClock, random: systemRandom }
    const told = (progress: GrantProgress): void => onProgress({ ...progress, rounds: ++rounds })
    return await unlockByGrant(sources, { waitsForGrant, onProgress: told }, options)
  })
}

/** What a person should know of it, in one line. */
export function grantText({ code, isUpToDate, label, message, owner, reader }: GrantWaiting): string {
  const news = isUpToDate ? "" : "; the ledger's host is out of reach, or does not know this node's boot key until it is granted something"
  if (code === "NO_POLICY")
    return `waits until ${owner} grants it: \`keygrove grant ${label} --to ${reader} -m M -n N --expires TIME\` there${news}`
  return `granted by ${owner}, and waits for proxies: ${code}: ${message}${news}`
}
