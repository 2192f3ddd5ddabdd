import type { CallOptions } from "@keygrove/service"
import { Maintenance } from "./etcd_pb.ts"
import { readStatus, type EtcdStatus } from "./messages.ts"
import { describe, type EtcdMembers } from "./members.ts"

/** How one member is. */
export interface EtcdMemberHealth {
  /** HOST:PORT */
  readonly name: string
  /** Why it did not answer, if it did not. */
  readonly trouble?: string
  readonly isLeader: boolean
  readonly status?: EtcdStatus
}

/** How etcd is. */
export interface EtcdHealth {
  readonly members: readonly EtcdMemberHealth[]
  /** Whether a member knows a leader; without one nothing can be appended. */
  readonly hasLeader: boolean
}

const STATUS_TIMEOUT_MS = 2_000
const NO_LEADER = "0"

/** Asks all members at once. */
export async function readHealth({ all }: EtcdMembers, { signal }: CallOptions): Promise<EtcdHealth> {
  const members = await Promise.all(
    all.map(async (member): Promise<EtcdMemberHealth> => {
      const outcome = await member.call({ method: Maintenance.method.status, message: {}, signal }, STATUS_TIMEOUT_MS)
      const status = outcome.kind === "answered" ? readStatus(outcome.answer) : undefined
      if (status === undefined) return { name: member.name, trouble: describe(outcome), isLeader: false }
      return { name: member.name, isLeader: status.leader !== NO_LEADER && status.leader === status.member, status }
    }),
  )
  signal.throwIfAborted()
  return { members, hasLeader: members.some(({ status }) => status !== undefined && status.leader !== NO_LEADER) }
}
