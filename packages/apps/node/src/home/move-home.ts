import { equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { childPath, pathNames, ROOT_PATH, type ClusterId, type NodePath, type NodeReference } from "@keygrove/hierarchy"
import { findNode, openInvitation, successorsOf, type LedgerState } from "@keygrove/ledger"
import { isOwnInvitation, type CallOptions } from "@keygrove/service"
import { checkHome, homeOf, type Home } from "./home.ts"
import { readMade } from "./home-facts.ts"
import { lockHome } from "./instance-lock.ts"
import { readEntries, readHistory } from "./ledger-history.ts"
import { moveNode, type MovedNode, type MoveSources } from "./move-node.ts"
import { invitationFile, readRootPlan } from "./root-plan-file.ts"

export interface MoveHomeOptions extends MoveSources {
  readonly home: string
  /** `kginvite1…`; when absent, the one that this home has of its own plan or from the node with the plan. */
  readonly invitation?: string
}

export interface MovedHome extends MovedNode {
  /** The cluster that the node was of. */
  readonly from: ClusterId
}

/**
 * Makes the node of a home, which must not run, one of the root that replaced its own: finds in the home's ledger, which is verified from its first entry, what proves that, and has the ceremony held. Needs no
 * other node; may be repeated when it was cut off.
 */
export async function moveHome(options: MoveHomeOptions, call: CallOptions): Promise<Result<MovedHome>> {
  const home = checkHome(homeOf(options.home))
  if (!home.ok) return home
  const idle = checkIdle(home.value)
  if (!idle.ok) return idle
  const made = readMade(home.value.genesis)
  if (!made.ok) return made
  const { cluster, path } = made.value.node
  const history = await readHistory(home.value.ledger, call)
  if (!history.ok) return history
  const { state } = history.value.ledger
  if (state.clusters.get(cluster)?.replacedBy === undefined)
    return refuse(
      "ROOT_STANDS",
      `the ledger of this home does not say that the root of cluster ${cluster.slice(0, 16)} was replaced; start the node once, so that it hears of it, or there is nothing to do`,
    )
  const standing = findNode(state, { cluster, path })
  if (standing === undefined || !equalBytes(standing.anchorKey, made.value.node.anchorKey))
    return refuse(
      "NODE_NOT_ON_LEDGER",
      `${path} of cluster ${cluster.slice(0, 16)} was revoked or replaced before it moved; ask for a new invitation, and join with it`,
    )
  const invitation = options.invitation === undefined ? ownInvitation(home.value, path) : ok(options.invitation)
  if (!invitation.ok) return invitation
  const successor = invitedBy(state, { cluster, path }, invitation.value)
  if (!successor.ok) return successor
  const chain = await readChain(home.value, state, { cluster, path, successor: successor.value }, call)
  if (!chain.ok) return chain
  const moved = await moveNode(options.home, { invitation: invitation.value, chain: chain.value }, options, call)
  if (!moved.ok) return moved
  invitationFile(home.value).remove()
  return ok({ ...moved.value, from: cluster })
}

/** The ceremony holds the home itself; that a node runs is to be said before its ledger is read. */
function checkIdle(home: Home): Result<true> {
  const held = lockHome(home)
  if (!held.ok) return held
  held.value[Symbol.dispose]()
  return ok(true)
}

/** From the plan of this home, or as the running node got it. */
function ownInvitation(home: Home, path: NodePath): Result<string> {
  const plan = readRootPlan(home)
  if (!plan.ok) return plan
  const planned = plan.value?.invitations.find((each) => each.path === path)?.invitation
  const invitation = planned ?? invitationFile(home).read()
  if (invitation !== undefined) return ok(invitation)
  return refuse(
    "INVITATION_MISSING",
    `this home has no invitation for ${path} yet; start the node, which asks the others for it, or carry it here: \`keygrove root rekey --invitation ${path}\` on the machine where the root was replaced`,
  )
}

/** The cluster that an invitation is of, when that came in the place of the node's. */
function invitedBy(state: LedgerState, node: NodeReference, invitation: string): Result<ClusterId> {
  const opened = openInvitation(nativePrimitives, invitation)
  if (!opened.ok) return opened
  if (isOwnInvitation(nativePrimitives, state, node, invitation)) return ok(opened.value.author.cluster)
  const { author, child } = opened.value
  return refuse(
    "INVITATION_FOREIGN",
    `the invitation is for ${child.path} of cluster ${author.cluster.slice(0, 16)}; this home is ${node.path} of ${node.cluster.slice(0, 16)}, in whose place ${[...successorsOf(state, node.cluster)].map((each) => each.slice(0, 16)).join(" and ")} came`,
  )
}

/** The entries by which each root stepped down for the next, the announcement of the last one, and the certificates from there to the node. */
async function readChain(
  { ledger }: Home,
  state: LedgerState,
  { cluster, path, successor }: NodeReference & { readonly successor: ClusterId },
  call: CallOptions,
): Promise<Result<readonly Uint8Array[]>> {
  const indices: number[] = []
  for (const from of [cluster, ...successorsOf(state, cluster)]) {
    if (from === successor) break
    const at = state.clusters.get(from)?.replacedBy?.at
    if (at !== undefined) indices.push(at)
  }
  const announced = state.clusters.get(successor)?.announcedAt
  if (announced !== undefined) indices.push(announced)
  let above: NodePath = ROOT_PATH
  for (const name of pathNames(path)) {
    const child = childPath(above, name)
    if (!child.ok) return child
    above = child.value
    const certified = findNode(state, { cluster: successor, path: above })?.certifiedAt
    if (certified === undefined)
      return refuse(
        "NODE_NOT_ON_LEDGER",
        `${above} is no node of cluster ${successor.slice(0, 16)} on the ledger of this home; start the node once, so that it hears of it, or ask for another invitation`,
      )
    indices.push(certified)
  }
  return await readEntries(ledger, indices, call)
}
