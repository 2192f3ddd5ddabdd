import { ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import type { KeystoreProcess } from "@keygrove/keystore"
import { unlockByPieces, type CallOptions, type UnlockProgress } from "@keygrove/service"
import { systemClock, systemRandom } from "@keygrove/system"
import type { KeystoreSurroundings } from "../runtime/open-keystore.ts"
import { openAttester } from "../runtime/open-attester.ts"
import { openUnderBootKey } from "./locked-start.ts"

/** How far it is with the peers, since the start of one unlocking. */
export interface PiecesProgress extends UnlockProgress {
  /** Of the node. */
  readonly path: string
  /** How often they were asked. */
  readonly rounds: number
}

/** Opens the keystore of a home with the pieces that its peers keep: they are asked until enough gave theirs, or more asking would not help. */
export async function openByPieces(
  surroundings: KeystoreSurroundings,
  call: CallOptions,
  onProgress: (progress: PiecesProgress) => void,
): Promise<Result<KeystoreProcess>> {
  let rounds = 0
  const { config, home, log } = surroundings
  return await openUnderBootKey(surroundings, call, async (start, options) => {
    const attester = openAttester(home, config)
    const sources = { ...start, attester, primitives: nativePrimitives, clock: systemClock, random: systemRandom, log }
    const unlocked = await unlockByPieces(sources, options, (progress) =>
      onProgress({ ...withStrangers(progress), path: start.keystore.node.path, rounds: ++rounds }),
    )
    return unlocked.ok ? ok(unlocked.value.keystore) : unlocked
  })
}

/** Who does not know the boot key refuses; that is no line that is down. */
function withStrangers(progress: UnlockProgress): UnlockProgress {
  const isStranger = ({ reason }: UnlockProgress["refused"][number]): boolean => /^PEER_(?:UNKNOWN|REMOVED):/.test(reason)
  const strangers = progress.unreachable
    .filter(isStranger)
    .map(({ path }) => ({ path, reason: "PEER_UNKNOWN: it knows this node no more; was it revoked, or did it leave?" }))
  return {
    ...progress,
    refused: [...progress.refused, ...strangers],
    unreachable: progress.unreachable.filter((each) => !isStranger(each)),
  }
}

/** What a person should know of an unlocking, in one line. */
export function piecesText({ given, needed, path, problem, refused, request, unreachable, waiting }: PiecesProgress): string {
  const parts = [`${given} of ${needed} pieces were given`]
  if (problem !== undefined) {
    parts.push(
      `this machine cannot give the evidence that its holders ask for (${problem.code}: ${problem.message}); unlock it with its passphrase, then run \`keygrove pieces join --evidence tpm2\``,
    )
  }
  if (waiting.length > 0) {
    parts.push(
      `${waiting.toSorted().join(", ")} ${waiting.length === 1 ? "waits" : "wait"} for an approval of request ${request}: \`keygrove unlock approve ${path} --request ${request}\` there`,
    )
  }
  parts.push(...refusalTexts(refused))
  if (unreachable.length > 0)
    parts.push(
      `no answer from ${unreachable
        .map((each) => each.path)
        .toSorted()
        .join(", ")}`,
    )
  return parts.join("; ")
}

/** Holders that refuse for the same reason are named together. */
function refusalTexts(refused: PiecesProgress["refused"]): readonly string[] {
  const byReason = Map.groupBy(refused, ({ reason }) => reason)
  return [...byReason]
    .map(([reason, holders]) => {
      const names = holders.map(({ path }) => path).toSorted()
      return `${names.join(", ")} ${names.length === 1 ? "refuses" : "refuse"} (${reason})`
    })
    .toSorted()
}
