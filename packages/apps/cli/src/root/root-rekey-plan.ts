import { readRootPlan } from "@keygrove/node"
import { homeOf } from "@keygrove/node/home"
import type { OpenedRootPlan } from "@keygrove/ledger"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { fields, relativeTime, table } from "../text.ts"

/** One node on its way to the new root. */
export interface MovingNode {
  readonly path: string
  readonly state: string
  /** Milliseconds since 1970. */
  readonly lastSeen: number | null
}

/** How far the replacement of the root is, as the running node tells it. */
export interface RekeyStatus {
  readonly cluster: string
  readonly successor: string
  readonly published: number
  readonly entries: number
  readonly replacedAt: number | null
  readonly nodes: readonly MovingNode[]
  readonly reason: { readonly code: string; readonly message: string } | null
}

/**
 * The plan that this home keeps, if it has one.
 * @throws CommandError `ROOT_PLAN_INVALID`.
 */
export function readPlan({ home }: CommandContext): OpenedRootPlan | undefined {
  const plan = readRootPlan(homeOf(home.directory))
  if (!plan.ok) throw new CommandError(plan.code, plan.message)
  return plan.value
}

/** The invitation of a node, to be carried there by hand. */
export function plannedInvitation(plan: OpenedRootPlan | undefined, name: string): CommandOutcome {
  const path = name.startsWith("/") ? name : `/${name}`
  const invitation = plan?.invitations.find((each) => each.path === path)?.invitation
  if (invitation === undefined)
    throw new CommandError(
      "INVITATION_MISSING",
      `this home has no invitation for ${path} to another root; see \`keygrove root rekey\` for those that it has`,
      { class: "refused" },
    )
  return { json: { path, invitation }, text: invitation }
}

/** Asks the running node; `undefined` when it has no plan (any more). */
export async function rekeyStatus(
  context: CommandContext,
  method: "root.rekeyStatus" | "root.rekeyBegin" = "root.rekeyStatus",
): Promise<RekeyStatus | undefined> {
  const answer = new AnswerFields(method, await callNode(context, method))
  if (answer.get("plan") === null) return undefined
  const plan = answer.object("plan")
  const reason = plan.get("reason") === null ? null : plan.object("reason")
  return {
    cluster: plan.text("cluster"),
    successor: plan.text("successor"),
    published: plan.number("published"),
    entries: plan.number("entries"),
    replacedAt: plan.get("replacedAt") === null ? null : plan.number("replacedAt"),
    nodes: plan.objects("nodes").map(movingNode),
    reason: reason === null ? null : { code: reason.text("code"), message: reason.text("message") },
  }
}

/** What the command says: how far it is, and what is to be done. */
export function rekeyOutcome(status: RekeyStatus | undefined, now: number): CommandOutcome {
  if (status === undefined) return { json: { state: "done" }, text: "every node has moved to the new root, or ended; the plan is done" }
  const { cluster, entries, nodes, published, reason, replacedAt, successor } = status
  const rows: readonly (readonly [string, string])[] = [
    ["root of", `cluster ${cluster}`],
    ["new root", `cluster ${successor}`],
    [
      "ledger",
      replacedAt === null
        ? `${published} of ${entries} entries; the old root stands until all are there`
        : `the old root stepped down at entry ${replacedAt}`,
    ],
    ...(reason === null ? [] : [["why", `${reason.code}: ${reason.message}`] as const]),
    ["next", nextStep(status)],
    ["keep", "the old words too: they recover what a lost node wrote before, until `keygrove rotate` brought it along"],
  ]
  const seen = ({ lastSeen }: MovingNode): string => (lastSeen === null ? "-" : relativeTime(lastSeen, now))
  const list = table(
    ["NODE", "STATE", "LAST SEEN"],
    nodes.map((node) => [node.path, node.state, seen(node)]),
  )
  const state = replacedAt === null ? "publishing" : "moving"
  return { json: { state, cluster, successor, published, entries, replacedAt, nodes, reason }, text: `${fields(rows)}\n\n${list}` }
}

function nextStep({ nodes, replacedAt }: RekeyStatus): string {
  if (replacedAt === null) return "wait, with the node running; what was cut off goes on at its next start"
  if (nodes.some(({ state }) => state === "waiting"))
    return "on each machine that is waiting: `keygrove down`, `keygrove node move` with the moving code, `keygrove up`; or revoke its node"
  if (nodes.some(({ state }) => state === "unrevoked"))
    return "revoke the nodes that are unrevoked below the new root too, with its words or on a node above them that has moved"
  return "invite the nodes that are uninvited from below the new root, or revoke them"
}

function movingNode(fields: AnswerFields): MovingNode {
  return {
    path: fields.text("path"),
    state: fields.text("state"),
    lastSeen: fields.get("lastSeen") === null ? null : fields.number("lastSeen"),
  }
}
