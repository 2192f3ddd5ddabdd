import { RootRekeying, seekOwnInvitation, type NodeContext, type PeerAddress } from "@keygrove/service"
import type { Home } from "../home/home.ts"
import { invitationFile, rootPlanFile } from "../home/root-plan-file.ts"

export interface RootReplacementSources {
  readonly home: Home
  /** Where the ledger's host is now; `undefined` for the host itself. */
  readonly ledgerHost: () => PeerAddress | undefined
  readonly log: (line: string) => void
  readonly stack: AsyncDisposableStack
}

/** Carries out the plan of this home, if it has one, and seeks this node's invitation once its root was replaced, until the stack is disposed of. */
export function runRootReplacement(context: NodeContext, { home, ledgerHost, log, stack }: RootReplacementSources): RootRekeying {
  const rekeying = stack.use(new RootRekeying(context, rootPlanFile(home)))
  const stop = new AbortController()
  const { signal } = stop
  const guard = async (work: Promise<void>): Promise<void> => {
    try {
      await work
    } catch (error) {
      if (!signal.aborted) log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
    }
  }
  const kept = invitationFile(home)
  const planned = (): string | undefined =>
    rekeying.progress?.plan.invitations.find(({ path }) => path === context.keystore.identity().path)?.invitation
  const file = { read: () => planned() ?? kept.read(), keep: (invitation: string) => kept.keep(invitation) }
  const working = guard(rekeying.run({ signal }))
  const work = [working, guard(seekOwnInvitation(context, { file, ledgerHost }, { signal }))]
  stack.defer(async () => {
    stop.abort()
    await Promise.all(work)
  })
  return rekeying
}
