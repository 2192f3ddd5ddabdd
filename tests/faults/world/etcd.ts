import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Disk } from "./disk.ts"
import { HostProcess } from "./host-process.ts"
import type { Network } from "./network.ts"

const CLIENT_PORT = 2379
const PEER_PORT = 2380
/** How long a member may take to say who leads. */
const STATUS_MS = 1_000
const START_MS = 60_000

/** A member of etcd on a machine and a disk of its own. */
export interface EtcdMember {
  readonly process: HostProcess
  readonly disk: Disk
  /** http://HOST:PORT of its clients. */
  readonly url: string
}

export interface EtcdPlan {
  readonly network: Network
  readonly count: number
  /** For logs and disks. */
  readonly directory: string
  readonly onEnd: (line: string) => void
}

/** Starts the members of an etcd, `etcd1` and so on; they run until the caller disposes of their processes. */
export function startEtcd({ count, directory, network, onEnd }: EtcdPlan): readonly EtcdMember[] {
  const hosts = Array.from({ length: count }, (_, index) => network.add(`etcd${index + 1}`))
  const cluster = hosts.map(({ address, name }) => `${name}=http://${address}:${PEER_PORT}`).join(",")
  return hosts.map((host) => {
    const disk = new Disk(join(directory, `${host.name}.disk`))
    const [url, peerUrl] = [`http://${host.address}:${CLIENT_PORT}`, `http://${host.address}:${PEER_PORT}`]
    const options = {
      name: host.name,
      "data-dir": join(disk.path, "data"),
      "listen-client-urls": url,
      "advertise-client-urls": url,
      "listen-peer-urls": peerUrl,
      "initial-advertise-peer-urls": peerUrl,
      "initial-cluster": cluster,
      logger: "zap",
      "log-level": "warn",
    }
    const command = ["etcd", ...Object.entries(options).map(([name, value]) => `--${name}=${value}`)]
    return { disk, url, process: new HostProcess({ host, command, log: join(directory, `${host.name}.log`), onEnd }) }
  })
}

/** The member that leads, as far as the members know; `undefined` while none does. */
export async function leaderOf(members: readonly EtcdMember[]): Promise<EtcdMember | undefined> {
  const statuses = await Promise.all(members.map(statusOf))
  const leader = statuses.find((status) => status !== undefined && status.leader !== "0")?.leader
  return members.find((_, index) => statuses[index]?.id === leader && leader !== undefined)
}

/** Waits until a leader is known. */
export async function untilLed(members: readonly EtcdMember[]): Promise<void> {
  const end = performance.now() + START_MS
  while ((await leaderOf(members)) === undefined) {
    if (performance.now() > end) throw new Error(`etcd has no leader: ${members.map(({ process }) => process.lastWords()).join("\n")}`)
    await delay(100)
  }
}

async function statusOf({ url }: EtcdMember): Promise<{ readonly id: string; readonly leader: string } | undefined> {
  try {
    const response = await fetch(`${url}/v3/maintenance/status`, { method: "POST", body: "{}", signal: AbortSignal.timeout(STATUS_MS) })
    const answer: { readonly header?: { readonly member_id?: string }; readonly leader?: string } = JSON.parse(await response.text())
    return { id: answer.header?.member_id ?? "", leader: answer.leader ?? "0" }
  } catch {
    // It does not run, is cut off or stands still.
    return undefined
  }
}
