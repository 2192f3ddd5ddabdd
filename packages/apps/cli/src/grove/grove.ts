import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { commandError } from "../errors.ts"
import { processTree, residentPeak } from "./peak-memory.ts"
import { expectKeygrove, runKeygrove, textField, type KeygroveCall } from "./keygrove-process.ts"

/** Commands run at once: more only makes each slower on the two cores of a small machine. */
const PARALLEL = 4

export interface GrovePlan {
  /** Names of the nodes of the first cluster; the first one hosts the ledger. */
  readonly nodes: readonly string[]
  /** Names of further clusters of one node each that offer nothing. */
  readonly readers: readonly string[]
  /** Names of proxies, each its own cluster. */
  readonly proxies: readonly string[]
  /** Told about each step that is done. */
  readonly report?: (line: string) => void
  /** The command line's entry file, see `KeygroveCall`. */
  readonly entry?: string
}

export interface GroveMember {
  readonly name: string
  readonly role: "node" | "reader" | "proxy"
  readonly home: string
  readonly pid: number
}

/** Running nodes in a temporary directory: stopped and removed on disposal, unless released. */
export interface Grove extends AsyncDisposable {
  readonly directory: string
  readonly members: readonly GroveMember[]
  member(name: string): GroveMember
  /** Highest resident memory of any process of any member so far, in bytes. */
  peakBytes(): number
  /** Leaves everything running; disposal does nothing from now on. */
  release(): void
}

/** Starts every node of a plan as real processes on loopback, all on the ledger of the first one. */
export async function startGrove(plan: GrovePlan, signal: AbortSignal): Promise<Grove> {
  const directory = await mkdtemp(join(tmpdir(), "keygrove-"))
  const builder = new GroveBuilder(directory, signal, plan)
  try {
    await builder.start(plan)
    return builder
  } catch (error) {
    await builder[Symbol.asyncDispose]()
    throw error
  }
}

interface Seedling {
  readonly name: string
  readonly role: GroveMember["role"]
  readonly init: readonly string[]
  /** Of JSON-RPC and the console; none unless given. */
  readonly rpcPort?: number
}

class GroveBuilder implements Grove {
  readonly directory: string
  readonly members: GroveMember[] = []
  readonly #signal: AbortSignal
  readonly #report: (line: string) => void
  readonly #entry: Pick<KeygroveCall, "entry">
  readonly #homes: string[] = []
  #released = false

  constructor(directory: string, signal: AbortSignal, { entry, report }: GrovePlan) {
    this.directory = directory
    this.#signal = signal
    this.#report = report ?? ((): void => undefined)
    this.#entry = entry === undefined ? {} : { entry }
  }

  async start(plan: GrovePlan): Promise<void> {
    const [first, ...others] = plan.nodes
    if (first === undefined) throw commandError("USAGE_INVALID", "a grove needs at least one node")
    const words = join(this.directory, "words.txt")
    const listen = `/ip4/127.0.0.1/tcp/${await freePort()}`
    const init = ["--ledger", "embedded", "--listen", listen, "--words-out", words]
    const host = await this.#plant({ name: first, role: "node", init, rpcPort: await freePort() })
    const ledger = await this.#ledgerAddress(host)
    const anywhere = ["--ledger", ledger, "--listen", "/ip4/127.0.0.1/tcp/0"]
    const single =
      (role: GroveMember["role"]) =>
      (name: string): Seedling => ({ name, role, init: [...anywhere, "--words-out", join(this.directory, `${name}-words.txt`)] })
    const seedlings: readonly Seedling[] = [
      ...others.map((name): Seedling => ({ name, role: "node", init: [...anywhere, "--recover", "--words-file", words] })),
      ...plan.readers.map(single("reader")),
      ...plan.proxies.map(single("proxy")),
    ]
    await inParallel(seedlings, PARALLEL, async (seedling) => void (await this.#plant(seedling)))
  }

  member(name: string): GroveMember {
    const found = this.members.find((candidate) => candidate.name === name)
    if (found === undefined) throw commandError("UNEXPECTED", `the grove has no member ${name}`)
    return found
  }

  peakBytes(): number {
    return Math.max(0, ...this.members.flatMap((member) => processTree(member.pid).map(residentPeak)))
  }

  release(): void {
    this.#released = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return
    this.#released = true
    const calm = new AbortController().signal
    await inParallel(this.#homes, PARALLEL, async (home) => void (await runKeygrove(["down"], { home, signal: calm, ...this.#entry })))
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async #plant(seedling: Seedling): Promise<GroveMember> {
    const home = join(this.directory, seedling.name)
    const keyFile = join(this.directory, `${seedling.name}.key`)
    this.#homes.push(home)
    const call = { home, signal: this.#signal, ...this.#entry }
    const { init, name, rpcPort = 0 } = seedling
    await expectKeygrove(["init", "--name", name, "--rpc-port", String(rpcPort), "--key-file", keyFile, ...init], call)
    const up = await expectKeygrove(["up", "--detach", "--key-file", keyFile], call)
    if (seedling.role === "proxy") await expectKeygrove(["proxy", "offer", "--until", "90d"], call)
    const member: GroveMember = { name: seedling.name, role: seedling.role, home, pid: Number(up.answer["pid"]) }
    this.members.push(member)
    this.#report(`${seedling.role} ${seedling.name} serves`)
    return member
  }

  async #ledgerAddress(host: GroveMember): Promise<string> {
    const status = await expectKeygrove(["ledger", "status"], { home: host.home, signal: this.#signal, ...this.#entry })
    return textField(status.answer, "address")
  }
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === "string") throw commandError("UNEXPECTED", "the system gave no free TCP port")
  return address.port
}

/** Works through `items`, `width` at a time; after a failure no further one is begun. */
async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const lane = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await work(item)
      } catch (error) {
        queue.length = 0
        throw error
      }
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane))
  const failed = lanes.find((settled) => settled.status === "rejected")
  if (failed !== undefined) throw failed.reason
}
