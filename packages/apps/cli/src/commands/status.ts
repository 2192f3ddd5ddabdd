import { AnswerFields, callRpc } from "keygrove/rpc"
import type { HomeEpoch } from "@keygrove/node/home-epoch"
import type { HomeFacts } from "@keygrove/node/home-facts"
import type { LedgerRole } from "@keygrove/node/ledger-role"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { exitStatuses } from "@keygrove/base/exit-statuses"
import { etcdRows } from "../etcd-rows.ts"
import { fields, relativeTime } from "../text.ts"

/** What is true of every node: nothing of it can be rebuilt without the words. Named keys may have come from elsewhere. */
const BACKUP =
  "the 24 words are the only backup of all keys; keep them on paper, and a copy of the home directory for what you granted and for named keys"

/** `status`: works while the node is locked, and from the disk alone when it does not run. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { home, signal } = context
  const answer = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "node.status", {}, { signal })
  if (answer.ok) return running(new AnswerFields("node.status", answer.value), answer.value)
  // Only now, and only for a home that is one: a node that runs tells all of it, in half the time.
  const { checkHome, homeOf } = await import("@keygrove/node/home")
  const checked = checkHome(homeOf(home.directory))
  if (!checked.ok) throw new CommandError(checked.code, checked.message)
  const { readHomeFacts } = await import("@keygrove/node/home-facts")
  const facts = readHomeFacts(home.directory)
  if (!facts.ok) throw new CommandError(facts.code, facts.message, facts.data === undefined ? {} : { data: facts.data })
  if (answer.code !== "NODE_NOT_RUNNING") throw new CommandError(answer.code, answer.message)
  const { readHomeEpoch } = await import("@keygrove/node/home-epoch")
  const { ledgerRoleOf } = await import("@keygrove/node/ledger-role")
  const keys = await readHomeEpoch(home.directory, { signal })
  if (!keys.ok) throw new CommandError(keys.code, keys.message, keys.data === undefined ? {} : { data: keys.data })
  return notRunning(facts.value, keys.value, { directory: home.directory, role: ledgerRoleOf(facts.value.ledger) })
}

function notRunning(
  facts: HomeFacts,
  { epoch, id, prepared }: HomeEpoch,
  { directory, role }: { readonly directory: string; readonly role: LedgerRole },
): CommandOutcome {
  const { cluster, ledger, listen, path, rpcPort, unlocks } = facts
  const isElsewhere = role === "follower" || role === "etcd"
  const json = {
    state: "not running",
    home: directory,
    path,
    cluster,
    id,
    epoch,
    preparedEpoch: prepared,
    ledger: isElsewhere ? { role, address: ledger } : { role },
    listen,
    rpcPort,
    unlocks,
    backup: BACKUP,
  }
  const text = fields([
    ["state", "not running; start it with `keygrove up`"],
    ["home", directory],
    ["node", `${path} of cluster ${cluster}`],
    ["id", id],
    ["epoch", prepared === null ? String(epoch) : `${epoch}; ${prepared} is prepared, and counts when the node has started`],
    ["ledger", role === "follower" ? `follower of ${ledger}` : role === "etcd" ? ledger : role],
    ["listens", listen],
    ["unlocks", `${othersText(unlocks.by)}${unlocksText(unlocks.keyFile, unlocks.note)}`],
    ["back up", BACKUP],
  ])
  return { json, text, exitStatus: exitStatuses["not-running"] }
}

function running(status: AnswerFields, raw: unknown): CommandOutcome {
  if (status.get("ledger") === undefined) return notUnlockedYet(status, raw)
  const ledger = status.object("ledger")
  const warnings = status.texts("warnings")
  const rows: readonly (readonly [string, string])[] = [
    ["state", status.text("state")],
    ["node", `${status.text("path")} of cluster ${status.text("cluster")}`],
    ["id", status.text("id")],
    ["epoch", String(status.number("epoch"))],
    ...status.objects("predecessors").map(wasRow),
    ["ledger", `${ledger.text("role")}, ${ledger.number("length")} entries, head ${ledger.text("head").slice(0, 16)}…`],
    ...etcdRows(ledger),
    ["peers", String(status.number("peers"))],
    ["since", relativeTime(status.number("startedAt"), Date.now())],
    ["process", String(status.number("pid"))],
    unlocksRow(status),
    ...piecesRows(status),
    ...idleRows(status),
    ...warnings.map((warning): readonly [string, string] => ["warning", warning]),
    ["back up", BACKUP],
  ]
  return { json: { ...(typeof raw === "object" ? raw : {}), backup: BACKUP }, text: fields(rows) }
}

/** A node that was started locked knows what its disk tells. */
function notUnlockedYet(status: AnswerFields, raw: unknown): CommandOutcome {
  const rows: readonly (readonly [string, string])[] = [
    ["state", lockedState(status)],
    ["node", `${status.text("path")} of cluster ${status.text("cluster")}`],
    ["id", status.text("id")],
    ["epoch", String(status.number("epoch"))],
    ["since", relativeTime(status.number("startedAt"), Date.now())],
    ["process", String(status.number("pid"))],
    unlocksRow(status),
    ...status.texts("warnings").map((warning): readonly [string, string] => ["warning", warning]),
    ["back up", BACKUP],
  ]
  return { json: { ...(typeof raw === "object" ? raw : {}), backup: BACKUP }, text: fields(rows) }
}

/** What a locked node waits for. */
function lockedState(status: AnswerFields): string {
  if (status.text("state") === "locked") return "locked; open it with `keygrove unlock`"
  if ((status.get("delegation") ?? null) !== null) return `locked: ${status.object("delegation").text("text")}`
  const unlocking = status.get("unlocking")
  return unlocking === null || unlocking === undefined ? "unlocking" : `waits for its peers: ${status.object("unlocking").text("text")}`
}

/** Below a root that was replaced: what was made there is recovered from that root's words only. */
function wasRow(predecessor: AnswerFields): readonly [string, string] {
  return ["was", `${predecessor.text("path")} of cluster ${predecessor.text("cluster")}; keep its words for what was made then`]
}

function unlocksRow(status: AnswerFields): readonly [string, string] {
  const means = status.object("unlocks")
  return ["unlocks", `${othersText(means.text("by"))}${unlocksText(...secretOf(means))}`]
}

/** Who else unlocks it, before what its person has. */
function othersText(by: string): string {
  if (by === "delegated") return "by a grant of another node's label (`keygrove unlock delegate`), or "
  return by === "pieces" ? "with pieces of its peers, or " : ""
}

function secretOf(means: AnswerFields): readonly [string | null, string | null] {
  return [means.optionalText("keyFile") ?? null, means.optionalText("note") ?? null]
}

function unlocksText(keyFile: string | null, note: string | null): string {
  return `with ${keyFile === null ? "a passphrase" : `the key file ${keyFile}`}${note === null ? "" : `; ${note}`}`
}

/** One row on a member. */
function piecesRows(status: AnswerFields): readonly (readonly [string, string])[] {
  if (status.get("pieces") === null || status.get("pieces") === undefined) return []
  const pieces = status.object("pieces")
  const [holders, needed] = [pieces.number("holders"), pieces.number("needed")]
  if (needed === 0) return [["pieces", "at no other node yet; see `keygrove pieces status`"]]
  const approve = `${pieces.text("unlock") === "approve" ? ", when approved" : ""}${pieces.boolean("needsEvidence") ? ", with evidence" : ""}`
  const spare = holders - needed
  const lose = spare < 0 ? "too few are left" : spare === 0 ? "none may be lost" : `${spare} may be lost`
  return [["pieces", `at ${holders} nodes, any ${needed} open this one${approve}; ${lose} (key generation ${pieces.number("generation")})`]]
}

/** One row when the keystore is locked by itself. */
function idleRows(status: AnswerFields): readonly (readonly [string, string])[] {
  if (status.get("idleLock") === null || status.get("idleLock") === undefined) return []
  const idle = status.object("idleLock")
  const at = idle.get("locksAt") === null ? "" : `; next ${relativeTime(idle.number("locksAt"), Date.now())}`
  return [["locks", `after ${idle.number("minutes")} min without use${at}`]]
}
