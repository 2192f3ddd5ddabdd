import type { ApiParams, MeetingApiParams, MeetView, TrustedClusterFacts, TrustedClusters } from "@keygrove/api"
import { ok, toHex, type Result } from "@keygrove/base"
import type { CallOptions, MeetingProgress, TrustedCluster } from "@keygrove/service"
import type { NodeTrust } from "../runtime/open-trust.ts"

/** What the methods about meetings and trust work on. */
export interface MeetingMethodContext {
  readonly runtime: { readonly trust: NodeTrust }
}

type Handler<M extends keyof MeetingApiParams> = (
  context: MeetingMethodContext,
  params: ApiParams[M],
  options: CallOptions,
) => Promise<Result<unknown>> | Result<unknown>

/** The methods about meeting people and trusting their clusters. */
export const meetingHandlers: { readonly [M in keyof MeetingApiParams]: Handler<M> } = {
  "meet.start": async ({ runtime }, _params, options) => view(runtime.trust, await runtime.trust.meetings.start(options)),
  "meet.enter": async ({ runtime }, { code }, options) => view(runtime.trust, await runtime.trust.meetings.enter(code, options)),
  "meet.status": async ({ runtime }, { meeting, since }, options) =>
    view(runtime.trust, await runtime.trust.meetings.status(meeting, since, options)),
  "meet.confirm": async ({ runtime }, { meeting, nickname }, options) =>
    view(runtime.trust, await runtime.trust.meetings.confirm(meeting, nickname, options)),
  "meet.cancel": async ({ runtime }, { meeting }) => view(runtime.trust, await runtime.trust.meetings.cancel(meeting)),
  "trust.list": ({ runtime }) => {
    const facts: TrustedClusters = { clusters: runtime.trust.trusted.list().map(clusterFacts) }
    return ok(facts)
  },
  "trust.rename": async ({ runtime }, { cluster, nickname }, options) => {
    const renamed = await runtime.trust.trusted.rename(cluster, nickname, options)
    return renamed.ok ? ok(clusterFacts(renamed.value)) : renamed
  },
  "trust.remove": async ({ runtime }, { cluster }, options) => {
    const removed = await runtime.trust.trusted.remove(cluster, options)
    return removed.ok ? ok({ cluster: removed.value }) : removed
  },
}

function view(trust: NodeTrust, progress: Result<MeetingProgress>): Result<MeetView> {
  if (!progress.ok) return progress
  const { code, expiresAt, failure, id, nickname, other, phase, revision, role, words } = progress.value
  return ok({
    meeting: id,
    revision,
    role,
    phase,
    code: code ?? null,
    expiresAt,
    words: words ?? null,
    other: other === undefined ? null : { ...other, nickname: nickname ?? trust.nickname(other.cluster) ?? null },
    error: failure === undefined ? null : { code: failure.code, message: failure.message },
  })
}

function clusterFacts({ keyChain, lastSeen, nickname, nodes, state, trust }: TrustedCluster): TrustedClusterFacts {
  return {
    cluster: trust.cluster,
    nickname: nickname ?? null,
    since: trust.at,
    lastSeen: lastSeen ?? null,
    state,
    nodes,
    keyChain: keyChain === undefined ? null : { length: keyChain.length, head: toHex(keyChain.hash) },
  }
}
