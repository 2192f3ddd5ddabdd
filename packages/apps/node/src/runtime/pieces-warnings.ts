import type { CustodyView } from "@keygrove/peering"
import type { NodePath } from "@keygrove/hierarchy"
import {
  holdersOf,
  majorityOf,
  MIN_CUSTODY_MEMBERS,
  sharingsOf,
  startingGeneration,
  thresholdOf,
  type CustodyState,
} from "@keygrove/pieces"
import type { CustodyKeeper } from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"

interface PiecesWarningSources {
  readonly home: Pick<Home, "config">
  readonly progress: CustodyKeeper["progress"]
  /** Whether another root came in the place of this node's: then it has to move, and is a member again afterwards. */
  readonly isReplaced: boolean
}

/** What a person should know about this node's pieces now, in one line each. */
export function piecesWarnings(
  { custody, self }: Pick<CustodyView, "custody" | "self">,
  { home, isReplaced, progress }: PiecesWarningSources,
): readonly string[] {
  const isMember = custody.members.has(self.path)
  const { liars, troubles } = progress
  return [
    ...(isMember ? [...ownWarnings(custody, self.path), ...startingWarnings(custody)] : isReplaced ? [] : strangerWarning(home)),
    ...troubles.map(({ duty, refusal }) => `could not ${duty}: ${refusal.code}: ${refusal.message}`),
    ...liars.map(
      ({ path, what }) =>
        `${path} does not keep to the protocol of key pieces: ${what}; look after that machine, and revoke it when it is not yours alone any more`,
    ),
  ]
}

/** Whether the node's peers could open it, if all were on. */
function ownWarnings(custody: CustodyState, self: NodePath): readonly string[] {
  const few = MIN_CUSTODY_MEMBERS - custody.members.size
  const [best] = sharingsOf(custody, self)
    .filter(({ generation }) => generation.completedAt !== undefined)
    .map((placed) => ({ needed: thresholdOf(placed.generation), holders: holdersOf(custody, placed).length }))
    .toSorted((a, b) => b.holders - b.needed - (a.holders - a.needed))
  if (best !== undefined && best.holders >= best.needed) return []
  const why =
    best === undefined
      ? "this node has no pieces at others yet, so that only its passphrase or key file opens it"
      : `${best.holders} of the ${best.needed} nodes that it takes keep pieces of this one, so that only its passphrase or key file opens it`
  if (few > 0)
    return [
      `${why}; run \`keygrove pieces join\` on ${few} more ${few === 1 ? "node" : "nodes"}, so that there are ${MIN_CUSTODY_MEMBERS} members`,
    ]
  return [`${why}; that goes by itself when a majority of the members is on, see \`keygrove pieces status\``]
}

function startingWarnings(custody: CustodyState): readonly string[] {
  const starting = startingGeneration(custody)
  if (starting === undefined) return []
  const { generation, members, sharings } = starting
  return [
    `key generation ${generation} waits: ${sharings.size} of ${members.length} members have shared in it, ${majorityOf(members.length)} must; start the members that are off, \`keygrove pieces status\` names them`,
  ]
}

/** A node that moved below a new root, or was issued again, is no member until it joins again: its next start would wait for peers that have nothing of it. */
function strangerWarning({ config: path }: Pick<Home, "config">): readonly string[] {
  const config = readConfig(path)
  if (!config.ok || config.value.unlock !== "pieces") return []
  return [
    "this node is to be unlocked by its peers, but keeps no pieces with them any more; run `keygrove pieces join`, or `keygrove pieces leave`",
  ]
}
