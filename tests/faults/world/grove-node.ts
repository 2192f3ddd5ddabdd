import { execFile } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Result } from "@keygrove/base"
import { callRpc } from "keygrove/rpc"
import { Disk } from "./disk.ts"
import { HostProcess } from "./host-process.ts"
import { onHost, type NetworkHost } from "./network.ts"

const COMMAND_MS = 120_000

/** What opens a node that starts. */
export type UnlockMeans = "key file" | "pieces"

/** A node of Keygrove on a machine and a disk of its own. */
export interface GroveNode {
  readonly name: string
  readonly process: HostProcess
  readonly disk: Disk
  readonly home: string
  /** On none of the disks. */
  readonly keyFile: string
  /** Tells a line about it. */
  say(line: string): void
  /** By what it is opened from its next start on. The key file is on none of the disks; without it the node has what its disk holds, and its peers. */
  means: UnlockMeans
  /** One call of its JSON-RPC; refused with `NODE_UNREACHABLE` when there is no answer in time. */
  call(method: string, params: object, timeoutMs: number): Promise<Result<unknown>>
}

export interface NodePlan {
  readonly host: NetworkHost
  /** For logs and disks. */
  readonly directory: string
  /** Where the programs are. */
  readonly bundle: string
  readonly ledger: string
  /** The file with the root's words; the first node writes it. */
  readonly words: string
  readonly isFirst: boolean
  readonly onEnd: (line: string) => void
  readonly say: (line: string) => void
}

/** Makes a node's home as a person does, by `keygrove init`, and starts the node; it runs until the caller disposes of its process. */
export async function startGroveNode(plan: NodePlan): Promise<GroveNode> {
  const { bundle, directory, host, isFirst, ledger, onEnd, say, words } = plan
  const disk = new Disk(join(directory, `${host.name}.disk`))
  const home = join(disk.path, "home")
  const keyFile = join(directory, `${host.name}.key`)
  const listen = `/ip4/${host.address}/tcp/4001`
  const root = isFirst ? ["--words-out", words] : ["--recover", "--words-file", words]
  const options = ["--name", host.name, "--ledger", ledger, "--listen", listen, "--rpc-port", "0", "--key-file", keyFile, ...root]
  await keygrove({ host, bundle }, ["init", "--home", home, ...options])
  settle(join(home, "config.json"))
  const command = [process.execPath, join(bundle, "node.mjs"), "--home", home]
  const log = join(directory, `${host.name}.log`)
  const child = new HostProcess({
    host,
    command: [...command, "--key-file", keyFile],
    log,
    onEnd,
    environment: { NODE_COMPILE_CACHE: join(directory, "compile-cache") },
  })
  const endpoint = { socketPath: join(home, "rpc.sock"), cookiePath: join(home, ".cookie") }
  return {
    name: host.name,
    process: child,
    disk,
    home,
    keyFile,
    say,
    get means() {
      return child.command.includes("--pieces") ? "pieces" : "key file"
    },
    set means(means: UnlockMeans) {
      child.command = [...command, ...(means === "pieces" ? ["--pieces"] : ["--key-file", keyFile])]
    },
    call: async (method, params, timeoutMs) => {
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        return await callRpc(endpoint, method, params, { signal })
      } catch (error) {
        if (!signal.aborted) throw error
        return { ok: false, code: "NODE_UNREACHABLE", message: `no answer within ${timeoutMs} ms` }
      }
    },
  }
}

/** The settings of a person who carries the key file along, and names it when it is needed; and of nodes that wait for one another as shortly as they may. */
function settle(path: string): void {
  const { keyFile: _carried, ...config }: Record<string, unknown> = JSON.parse(readFileSync(path, "utf8"))
  writeFileSync(path, JSON.stringify({ ...config, pieceWaits: { ownerSeconds: 5, attemptSeconds: 5 } }), { mode: 0o600 })
}

/** Runs a command of the command line on a machine to its end. */
async function keygrove({ bundle, host }: Pick<NodePlan, "host" | "bundle">, args: readonly string[]): Promise<void> {
  const [program, ...rest] = [...onHost(host), process.execPath, join(bundle, "keygrove.mjs"), ...args]
  await promisify(execFile)(program, rest, { timeout: COMMAND_MS })
}
