import type { FaultWorld, InjectedFault } from "./inject.ts"
import { becomeMember } from "./pieces.ts"
import type { GroveNode } from "./world/grove-node.ts"

/** How long a node may take to say on the ledger that it is no member any more. */
const LEAVE_MS = 10_000

/**
 * Keeps a node off for longer than the others wait for it, while another one ceases to be a member, and becomes one again in the end: the others share anew, and move the pieces of the node that is off
 * to those that are members then.
 */
export async function injectOutage({ unlocking }: FaultWorld, [away, leaver]: readonly GroveNode[]): Promise<InjectedFault> {
  if (away === undefined) throw new RangeError("there is no node to keep off")
  const kill = await away.process.kill()
  const left = leaver === undefined ? "nobody leaves" : await leave(leaver)
  const heal = async (): Promise<void> => {
    await unlocking.prepare(away)
    kill[Symbol.dispose]()
    const refused = leaver === undefined ? undefined : await becomeMember(leaver)
    if (refused !== undefined) leaver?.say(`${leaver.name} is no member again: ${refused}`)
  }
  return { about: `${away.name}, while ${left}`, heal }
}

async function leave(leaver: GroveNode): Promise<string> {
  // Nothing opens it by pieces until it is a member again.
  leaver.means = "key file"
  const left = await leaver.call("pieces.leave", {}, LEAVE_MS)
  return left.ok ? `${leaver.name} leaves` : `${leaver.name} could not leave (${left.code})`
}
