import { createHash } from "node:crypto"
import { KeygroveError, ok, refuse, toHex, unwrap, type Result } from "@keygrove/base"
import type {
  ApiParams,
  DecryptKey,
  LabelKey,
  MethodName,
  NodeIdentityFacts,
  NodeStatus,
  PolicyFacts,
  ProxyStatus,
  RevocationFacts,
} from "@keygrove/api"
import { decodeIdentity, decodeTimestamp, encodeIdentity, type Identity } from "@keygrove/hierarchy"
import { findNodeByKey, type PolicyState } from "@keygrove/ledger"
import { decodeFileHeader, decodeLabel, encodeLabelCard } from "@keygrove/reencryption"
import {
  grantPolicy,
  labelNames,
  listLabels,
  openHeader,
  revokePolicy,
  statementSigner,
  useLabel,
  type CallOptions,
  type KeyCall,
  type LabelRecord,
} from "@keygrove/service"
import { readConfig } from "../home/config.ts"
import { generatedWarning, unlockMeans } from "../home/unlock-means.ts"
import type { IdleLock } from "../idle-lock.ts"
import type { NodeRuntime } from "../node-runtime.ts"
import type { SshAgents } from "../ssh-agents.ts"
import { VERSION } from "../version.ts"
import { delegationHandlers } from "./delegation-methods.ts"
import { keyHandlers } from "./key-methods.ts"
import { ledgerHandlers, ledgerStatus } from "./ledger-methods.ts"
import { meetingHandlers } from "./meeting-methods.ts"
import { phaseHandlers, type NodeMethods } from "./phase-methods.ts"
import { ownPieces } from "./pieces-facts.ts"
import { piecesHandlers } from "./pieces-methods.ts"
import { grantsHere, policyFacts, roleOf } from "./policy-facts.ts"
import { sshAgentHandlers } from "./ssh-agent-methods.ts"
import { treeHandlers } from "./tree-methods.ts"

/** What the methods work on. */
export interface MethodContext extends NodeMethods {
  readonly runtime: NodeRuntime
  readonly sshAgents: SshAgents
  /** Missing when the keystore is not locked by itself. */
  readonly idleLock: IdleLock | undefined
}

type Handler<M extends MethodName> = (
  context: MethodContext,
  params: ApiParams[M],
  options: KeyCall,
) => Promise<Result<unknown>> | Result<unknown>

/** Fewest digits of a shortened policy id. */
const MIN_POLICY_DIGITS = 8

/** The interface, method by method. */
export const handlers: { readonly [M in MethodName]: Handler<M> } = {
  "node.status": (context) => ok(nodeStatus(context)),
  "node.identity": ({ runtime }) => ok(identityFacts(runtime)),
  "node.lock": async ({ runtime }, _params, options) => {
    const locked = await runtime.keystore.lock(options)
    return locked.ok ? ok({ state: "locked" }) : locked
  },
  "label.publicKey": async ({ runtime }, params, options) => {
    const label = decodeLabel(params.label)
    if (!label.ok) return label
    const used = await useLabel(runtime.context, label.value, options)
    return used.ok ? ok(labelFacts(used.value)) : used
  },
  "label.list": async ({ runtime }, _params, options) => {
    const labels = await listLabels(runtime.context, options)
    return labels.ok ? ok({ labels: labels.value.map(labelFacts) }) : labels
  },
  "data.decryptKey": decryptKey,
  "policy.grant": grant,
  "policy.revoke": revoke,
  "policy.list": async ({ runtime }, _params, options) => {
    const labels = await labelNames(runtime.context, options)
    if (!labels.ok) return labels
    const facts: readonly PolicyFacts[] = grantsHere(runtime.context).map((first) => policyFacts(runtime.context, first, labels.value))
    return ok({ policies: facts })
  },
  "policy.show": async ({ runtime }, params, options) => {
    const policy = policyById(runtime, params.policy)
    if (!policy.ok) return policy
    const labels = await labelNames(runtime.context, options)
    return labels.ok ? ok(policyFacts(runtime.context, policy.value, labels.value)) : labels
  },
  "proxy.offer": offer,
  "proxy.status": ({ runtime }) => {
    const terms = findNodeByKey(runtime.context.replica.state, runtime.keystore.identity().keys.signingKey)?.terms
    const facts: ProxyStatus = {
      terms: terms === undefined ? null : { until: terms.until, capacity: terms.capacity, addresses: terms.addresses },
      fragments: runtime.proxy.fragmentCount,
    }
    return ok(facts)
  },
  ...ledgerHandlers,
  ...treeHandlers,
  ...meetingHandlers,
  ...keyHandlers,
  ...sshAgentHandlers,
  ...piecesHandlers,
  ...delegationHandlers,
  ...phaseHandlers,
}

function nodeStatus({ idleLock, phases, runtime, startedAt }: MethodContext): NodeStatus {
  const { context, keystore } = runtime
  const { cluster, generation, keys, path, predecessors } = keystore.identity()
  // The settings of now: to become a member changes them.
  const read = readConfig(runtime.home.config)
  const config = read.ok ? read.value : runtime.config
  const grants = grantsHere(context).filter(({ revokedAt }) => revokedAt === undefined)
  const { labels, policies, refusal } = runtime.remaking.progress
  return {
    version: VERSION,
    state: phases.state,
    id: encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster }),
    cluster,
    path,
    generation,
    epoch: keys.epoch,
    predecessors: predecessors.map((each) => ({ cluster: each.cluster, path: each.path })),
    pid: process.pid,
    startedAt,
    peers: context.transport.peers().length,
    addresses: context.transport.addresses(),
    ledger: ledgerStatus(runtime),
    unlocks: unlockMeans(runtime.home.directory, config),
    pieces: ownPieces(runtime.pieces),
    policies: {
      granted: grants.filter((policy) => roleOf(context, policy) === "owner").length,
      readable: grants.filter((policy) => roleOf(context, policy) === "reader").length,
    },
    idleLock: idleLock === undefined ? null : { minutes: idleLock.minutes, locksAt: idleLock.locksAt ?? null },
    remaking: { labels, policies, problem: refusal === undefined ? null : `${refusal.code}: ${refusal.message}` },
    warnings: [...generatedWarning(runtime.home.directory, runtime.config), ...runtime.warnings()],
  }
}

function identityFacts({ keystore }: NodeRuntime): NodeIdentityFacts {
  const { anchorKey, cluster, generation, keys, path, predecessors } = keystore.identity()
  return {
    id: encodeIdentity({ encryptionKey: keys.encryptionKey, signingKey: keys.signingKey, cluster }),
    cluster,
    path,
    generation,
    epoch: keys.epoch,
    predecessors: predecessors.map((each) => ({ cluster: each.cluster, path: each.path })),
    keys: {
      anchor: toHex(anchorKey),
      signing: toHex(keys.signingKey),
      encryption: toHex(keys.encryptionKey),
      delegation: toHex(keys.delegationKey),
      sealing: toHex(keys.sealingKey),
    },
  }
}

function labelFacts({ epoch, label, labelKey, owner }: LabelRecord): LabelKey {
  const named = { owner: { cluster: owner.cluster, path: owner.path }, label, epoch }
  return { ...named, labelKey: toHex(labelKey), card: encodeLabelCard({ ...named, label: unwrap(decodeLabel(label)), labelKey }) }
}

async function decryptKey(
  { runtime }: MethodContext,
  params: ApiParams["data.decryptKey"],
  options: CallOptions,
): Promise<Result<DecryptKey>> {
  const header = decodeFileHeader(params.header)
  if (!header.ok) return header
  const headerDigest = Uint8Array.from(createHash("sha256").update(params.header).digest())
  const opened = await openHeader(runtime.context, { header: header.value, headerDigest, recipientKey: params.recipientKey }, options)
  if (!opened.ok) return opened
  const { policyId, sealedFileKey, via } = opened.value
  return ok({ sealedKey: toHex(sealedFileKey), via, policy: policyId ?? null })
}

async function grant({ runtime }: MethodContext, params: ApiParams["policy.grant"], options: CallOptions): Promise<Result<PolicyFacts>> {
  const reader = readerOf(runtime, params.to)
  if (!reader.ok) return reader
  const label = decodeLabel(params.label)
  if (!label.ok) return label
  const expiresAt = decodeTimestamp(params.expires)
  if (!expiresAt.ok) return expiresAt
  const { shares, threshold } = params
  const order = { label: label.value, reader: reader.value, threshold, shares, expiresAt: expiresAt.value }
  const granted = await grantPolicy(runtime.context, runtime.placement, order, options)
  if (!granted.ok) return granted
  // It may be for files of before a rekey too.
  runtime.remaking.wake()
  return ok({ ...policyFacts(runtime.context, granted.value, new Map()), label: label.value, reader: encodeIdentity(reader.value) })
}

/** Who is meant by an identity, or by the nickname of a trusted cluster and the path of its node. */
function readerOf({ trust }: NodeRuntime, to: string): Result<Identity> {
  if (to.startsWith("kg1")) return decodeIdentity(to)
  const node = trust.trusted.resolveNode(to)
  if (!node.ok) return node
  const { encryptionKey, signingKey } = node.value.keys
  return ok({ encryptionKey, signingKey, cluster: node.value.cluster })
}

async function revoke(
  { runtime }: MethodContext,
  params: ApiParams["policy.revoke"],
  options: CallOptions,
): Promise<Result<RevocationFacts>> {
  const policy = policyById(runtime, params.policy)
  if (!policy.ok) return policy
  const revoked = await revokePolicy(runtime.context, policy.value.grant.policyId, options)
  if (!revoked.ok) return revoked
  const { confirmed, needed, policy: first, shares } = revoked.value
  return ok({ policy: toHex(first.grant.policyId), confirmed, needed, shares })
}

async function offer({ runtime }: MethodContext, params: ApiParams["proxy.offer"], options: CallOptions): Promise<Result<unknown>> {
  const { clock, replica, transport } = runtime.context
  const until = decodeTimestamp(params.until)
  if (!until.ok) return until
  if (until.value <= clock.now())
    return refuse("EXPIRY_IN_PAST", `the offer would have ended at ${new Date(until.value).toISOString()}; choose a time in the future`)
  const self = findNodeByKey(replica.state, runtime.keystore.identity().keys.signingKey)
  if (self === undefined)
    return refuse("NODE_NOT_ON_LEDGER", "the ledger does not know this node yet; see the warnings of `keygrove status`")
  const body = {
    revision: (self.terms?.revision ?? 0) + 1,
    until: until.value,
    capacity: params.capacity,
    addresses: [...transport.addresses()],
  }
  const appended = await replica.append([{ kind: "proxy-terms", body }], statementSigner(runtime.keystore), options)
  return appended.ok ? ok({ until: until.value, capacity: params.capacity }) : appended
}

/** A policy by its id or by its first digits, where these are unique among all policies of the ledger. */
function policyById({ context }: NodeRuntime, text: string): Result<PolicyState> {
  const digits = text.toLowerCase()
  if (!/^[0-9a-f]{8,64}$/.test(digits))
    return refuse("POLICY_UNKNOWN", `a policy id has ${MIN_POLICY_DIGITS} to 64 hex digits; see \`keygrove policy list\``)
  const found = [...context.replica.state.policies.entries()].filter(([id]) => id.startsWith(digits))
  const [only, another] = found
  if (only === undefined) return refuse("POLICY_UNKNOWN", `the ledger has no policy ${digits.slice(0, 16)}; see \`keygrove policy list\``)
  if (another !== undefined) return refuse("POLICY_AMBIGUOUS", `${found.length} policies begin with ${digits}; give more digits`)
  return ok(only[1])
}

/** What a fault becomes: its own code where it has one, nothing of its words otherwise. */
export function faultOf(error: unknown): Result<never> {
  if (error instanceof KeygroveError) return error.toRefusal()
  return refuse("RPC_INTERNAL", `the node met a fault (${error instanceof Error ? error.name : "unknown"}); see its log`)
}
