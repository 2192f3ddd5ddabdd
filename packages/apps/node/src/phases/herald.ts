import { notifyServiceManager, type ServiceState } from "@keygrove/posix"
import type { ConsoleDesk } from "../console/console-desk.ts"
import type { NodePhases, NodeState } from "./node-phases.ts"
import { grantText } from "./grant-unlocking.ts"
import { piecesText } from "./pieces-unlocking.ts"

/** Longest wait for a service manager that does not read what it is told. */
const NOTIFY_TIMEOUT_MS = 2_000

interface HeraldOptions {
  readonly log: (line: string) => void
  /** Fires when the node ends, which is told by others. */
  readonly ending: AbortSignal
}

/** Says in the log, and to the service manager, when a node begins and ceases to serve; a console has no session on a locked node. */
export class Herald {
  readonly #options: HeraldOptions
  #phases: NodePhases | undefined
  #console: Pick<ConsoleDesk, "endAll"> | undefined
  #told: NodeState | undefined
  #toldOthers: string | undefined

  constructor(options: HeraldOptions) {
    this.#options = options
  }

  /** Tells how the node is, and from now on whenever it becomes another. */
  async begin(phases: NodePhases, console: Pick<ConsoleDesk, "endAll">): Promise<void> {
    this.#phases = phases
    this.#console = console
    await this.#tell()
  }

  /** Looks whether there is something to tell. */
  look(): void {
    void this.#tell()
  }

  async #tell(): Promise<void> {
    const { ending, log } = this.#options
    const phases = this.#phases
    if (phases === undefined || ending.aborted) return
    if (phases.state === this.#told) return await this.#tellOthers(phases)
    const before = this.#told
    this.#told = phases.state
    if (phases.state === "serving") return await this.#tellServing(phases)
    this.#console?.endAll()
    if (phases.state === "unlocking") {
      this.#toldOthers = undefined
      return await notifyManager({ STATUS: "unlocking" }, log)
    }
    if (before === "serving" && phases.node?.runtime.keystore.state() === "gone")
      log("KEYSTORE_GONE: the keystore process has ended; `keygrove unlock` starts another")
    else if (before === undefined) log("locked; `keygrove unlock` opens it")
    await notifyManager({ STATUS: "locked; `keygrove unlock` opens it" }, log)
  }

  /** What others do, when it is another thing than before. */
  async #tellOthers({ grant, pieces, state }: NodePhases): Promise<void> {
    const others = pieces === undefined ? grant && grantText(grant) : piecesText(pieces)
    const text = state === "unlocking" ? others : undefined
    if (text === undefined || text === this.#toldOthers) return
    this.#toldOthers = text
    this.#options.log(`locked: ${text}`)
    await notifyManager({ STATUS: `locked: ${text}` }, this.#options.log)
  }

  async #tellServing({ node }: NodePhases): Promise<void> {
    if (node === undefined) return
    const { context, keystore } = node.runtime
    const serving = `serving ${keystore.identity().path} on ${context.transport.addresses().join(" ")}`
    await notifyManager({ READY: "1", STATUS: serving }, this.#options.log)
    this.#options.log(serving)
  }
}

/** Tells the service manager, if one started the node, how it is. One that is silent does not hold the node up. */
export async function notifyManager(state: ServiceState, log: (line: string) => void): Promise<void> {
  if (process.env["NOTIFY_SOCKET"] === undefined) return
  const told = await notifyServiceManager(state, { signal: AbortSignal.timeout(NOTIFY_TIMEOUT_MS) })
  if (!told) log(`NOTIFY_FAILED: the service manager could not be told ${Object.keys(state).join(" and ")}; see NOTIFY_SOCKET`)
}
