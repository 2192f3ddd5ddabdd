import type { CustodyView } from "@keygrove/peering"
import { currentGeneration, majorityOf, startingGeneration } from "@keygrove/pieces"
import type { CustodyKeeper } from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"

interface PiecesWarningSources {
  readonly home: Pick<Home, "config">
  readonly progress: CustodyKeeper["progress"]
}

/** What a person should know about this node's pieces now, in one line each. */
export function piecesWarnings(
  { custody, self }: Pick<CustodyView, "custody" | "self">,
  { home, progress }: PiecesWarningSources,
): readonly string[] {
  if (!custody.members.has(self.path)) return strangerWarning(home)
  const { liars, troubles } = progress
  const starting = startingGeneration(custody)
  const own = currentGeneration(custody)?.sharings.get(self.path)
  const waiting =
    starting === undefined
      ? []
      : [
          `key generation ${starting.generation} waits: ${starting.sharings.size} of ${starting.members.length} members have shared in it, ${majorityOf(starting.members.length)} must`,
        ]
  const without = own === undefined ? ["this node has no pieces at others yet, so that only its passphrase or key file opens it"] : []
  return [
    ...without,
    ...waiting,
    ...troubles.map(({ duty, refusal }) => `could not ${duty}: ${refusal.code}: ${refusal.message}`),
    ...liars.map(({ path, what }) => `${path} does not keep to the protocol of key pieces: ${what}`),
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
