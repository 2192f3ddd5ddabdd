import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf"
import { utf8 } from "@keygrove/base"
import type { EtcdAccess } from "./access.ts"
import type { EtcdAddress } from "./address.ts"
import { KV } from "./etcd_pb.ts"
import { readHealth } from "./health.ts"
import { EtcdMembers } from "./members.ts"
import { readTransactionAnswer, writeTransaction } from "./messages.ts"

/** Files of TLS for the members, and what is needed to reach them. */
export interface KitTls {
  readonly flags: readonly string[]
  readonly access: EtcdAccess
}

interface KitMember {
  readonly clientPort: number
  readonly args: readonly string[]
  process: ChildProcess | undefined
}

/** Whether etcd is installed; `npm run verify` sees to it. */
export const hasEtcd: boolean = spawnSync("etcd", ["--version"]).status === 0

/** Those of this process, which end with it also where nobody disposes of them. */
const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const each of running) each.kill("SIGKILL")
})

const READY_MS = 60_000
/** An etcd of real processes on loopback ports of its own, with its data in a directory of its own. */
export class EtcdCluster implements AsyncDisposable {
  readonly directory: string
  readonly #members: readonly KitMember[]
  readonly #tls: KitTls | undefined

  private constructor(directory: string, members: readonly KitMember[], tls: KitTls | undefined) {
    this.directory = directory
    this.#members = members
    this.#tls = tls
  }

  /** Starts the members and waits until they have a leader. */
  static async start(count: number, tls?: KitTls): Promise<EtcdCluster> {
    const directory = mkdtempSync(join(tmpdir(), "keygrove-etcd-"))
    const ports = await freePorts(2 * count)
    const scheme = tls === undefined ? "http" : "https"
    const peers = Array.from({ length: count }, (_, index) => `m${index}=http://127.0.0.1:${ports[2 * index + 1]}`).join(",")
    const members = Array.from({ length: count }, (_, index): KitMember => {
      const [client, peer] = [`${scheme}://127.0.0.1:${ports[2 * index]}`, `http://127.0.0.1:${ports[2 * index + 1]}`]
      const options = {
        name: `m${index}`,
        "data-dir": join(directory, `m${index}`),
        "log-level": "error",
        logger: "zap",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": peers,
        "initial-cluster-token": directory,
        // Elections in half a second: tests wait for some.
        "heartbeat-interval": "50",
        "election-timeout": "500",
      }
      const args = [...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...(tls?.flags ?? [])]
      return { clientPort: ports[2 * index] ?? 0, args, process: undefined }
    })
    const cluster = new EtcdCluster(directory, members, tls)
    for (const index of members.keys()) cluster.restart(index)
    try {
      await cluster.untilReady()
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  /** A ledger of this etcd, by the name of its prefix. */
  address(name: string): EtcdAddress {
    return { endpoints: this.#members.map(({ clientPort }) => ({ host: "127.0.0.1", port: clientPort })), prefix: `/${name}` }
  }

  /** The same as a person writes it. */
  url(name: string): string {
    return `etcd://${this.#members.map(({ clientPort }) => `127.0.0.1:${clientPort}`).join(",")}/${name}`
  }

  /** One call at whatever member answers, as an operator makes it. */
  async admin<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    message: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    using client = this.client()
    const read = (answer: MessageShape<O>): MessageShape<O> => answer
    const outcome = await client.call({ method, message, read, signal: AbortSignal.timeout(READY_MS) })
    if (outcome.kind !== "answered") throw new Error(`${method.name}: ${outcome.message}`)
    return outcome.value
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.admin(KV.method.put, { key: utf8(key), value })
  }

  async delete(key: string): Promise<void> {
    await this.admin(KV.method.deleteRange, { key: utf8(key) })
  }

  /** The value of a key, and the revision of the store. */
  async get(key: string): Promise<{ readonly value: Uint8Array | undefined; readonly revision: number }> {
    const range = writeTransaction({ conditions: [], operations: [{ kind: "range", key: utf8(key) }], otherwise: [] })
    const answer = readTransactionAnswer(await this.admin(KV.method.txn, range))
    if (answer === undefined) throw new Error("etcd's answer cannot be read")
    return { value: answer.found[0]?.[0]?.value, revision: answer.revision }
  }

  /** Forgets all history before the present. */
  async compact(): Promise<void> {
    const { revision } = await this.get("anything")
    await this.admin(KV.method.compact, { revision: BigInt(revision), physical: true })
  }

  /** A client of all members; owned by the caller. */
  client(): EtcdMembers {
    return new EtcdMembers(this.address("unused"), this.#tls?.access ?? {}, { callMs: 30_000, tryMs: 5_000 })
  }

  signal(index: number, signal: NodeJS.Signals): void {
    this.#member(index).process?.kill(signal)
  }

  /** Ends a member as a crash does. */
  async kill(index: number): Promise<void> {
    const member = this.#member(index)
    const { process } = member
    if (process === undefined) return
    member.process = undefined
    const ended = new Promise((resolve) => process.once("exit", resolve))
    process.kill("SIGKILL")
    await ended
  }

  /** Starts a member that does not run, on the data that it has. */
  restart(index: number): void {
    const member = this.#member(index)
    const started = spawn("etcd", member.args, { stdio: "ignore" })
    running.add(started)
    started.once("exit", () => running.delete(started))
    member.process = started
  }

  /** Where a member keeps its data. */
  dataOf(index: number): string {
    return join(this.directory, `m${index}`)
  }

  /** Index of the leader. */
  async leader(): Promise<number> {
    using client = this.client()
    for (;;) {
      const { members } = await readHealth(client, { signal: AbortSignal.timeout(READY_MS) })
      const index = members.findIndex(({ isLeader }) => isLeader)
      if (index >= 0) return index
      await sleep(50)
    }
  }

  /** Waits until every member that runs answers and one leads. */
  async untilReady(): Promise<void> {
    using client = this.client()
    const end = performance.now() + READY_MS
    for (;;) {
      const { members } = await readHealth(client, { signal: AbortSignal.timeout(READY_MS) })
      const troubles = members.filter(({ status }, index) => this.#member(index).process !== undefined && status === undefined)
      if (troubles.length === 0 && members.some(({ isLeader }) => isLeader)) return
      if (performance.now() > end)
        throw new Error(`etcd did not start: ${troubles.map(({ name, trouble }) => `${name} ${trouble}`).join(", ")}`)
      await sleep(50)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(async (_, index) => await this.kill(index)))
    rmSync(this.directory, { recursive: true, force: true })
  }

  #member(index: number): KitMember {
    const member = this.#members[index]
    if (member === undefined) throw new RangeError(`there is no member ${index}`)
    return member
  }
}

/** Ports that are free now. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return server
    }),
  )
  const ports = servers.map((server) => portOf(server.address()))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new TypeError("not bound to a port")
  return address.port
}
