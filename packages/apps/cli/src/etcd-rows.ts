import type { AnswerFields } from "keygrove/rpc"

type Row = readonly [string, string]

const KIB = 1_024

/** One line on the etcd of a ledger, as part of a node's status; what is wrong is among its warnings. */
export function etcdRows(ledger: AnswerFields): readonly Row[] {
  const members = membersOf(ledger)
  if (members.length === 0) return []
  const answering = members.filter((member) => member.optionalText("problem") === undefined)
  const leader = members.find((member) => member.get("isLeader") === true)
  const leads = leader === undefined ? "no leader is known" : `leader ${leader.text("name")}, term ${leader.number("raftTerm")}`
  return [["etcd", `${answering.length} of ${members.length} members answer; ${leads}`]]
}

/** What the etcd of a ledger lacks, and a line for each member. */
export function etcdMemberRows(ledger: AnswerFields): readonly Row[] {
  const members = membersOf(ledger)
  const prunedTo = members.length === 0 ? 0 : ledger.object("etcd").number("prunedTo")
  const pruned: readonly Row[] = prunedTo === 0 ? [] : [["etcd", `pruned: only key chains are left there of entries before ${prunedTo}`]]
  return [...pruned, ...members.map((member): Row => ["member", `${member.text("name")}: ${stateOf(member)}`])]
}

function membersOf(ledger: AnswerFields): readonly AnswerFields[] {
  const etcd = ledger.get("etcd")
  return etcd === null || etcd === undefined ? [] : ledger.object("etcd").objects("members")
}

function stateOf(member: AnswerFields): string {
  const problem = member.optionalText("problem")
  if (problem !== undefined) return `does not answer (${problem})`
  const role = member.get("isLeader") === true ? "leads" : "follows"
  const size = `${Math.ceil(member.number("databaseBytes") / KIB)} KiB`
  const alarms = member.texts("alarms").map((alarm) => `, alarm ${alarm}`)
  return `${role}, term ${member.number("raftTerm")}, index ${member.number("raftIndex")}, ${size}, version ${member.text("version")}${alarms.join("")}`
}
