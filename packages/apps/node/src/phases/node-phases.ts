import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { KeystoreProcess } from "@keygrove/keystore"
import type { PeerCredentialsReader } from "@keygrove/posix"
import type { CallOptions } from "@keygrove/service"
import { readConfig, type NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { startNode, type NodeRuntime } from "../node-runtime.ts"
import { openKeystore, type KeystoreSources } from "../runtime/open-keystore.ts"
import { OpenNode } from "./open-node.ts"

export interface NodePhasesOptions {
  /** Held by this process. */
  readonly home: Home
  /** Tells which user is at the other end of a socket, where the system can. */
  readonly peerOf: Promise<PeerCredentialsReader | undefined>
  readonly log: (line: string) => void
  /** Told after each change of {@link NodePhases.state}. */
  readonly onChange: () => void
}

/** `locked`: nothing with keys is done; `unlocking`: a keystore is being opened; `serving`: one is open. */
export type NodeState = "locked" | "unlocking" | "serving"

/**
 * What a node is from its start to its end: locked until a keystore is opened, then open; and, when that keystore was locked, opened again by {@link unlock}, which starts
 * everything that depends on the keystore anew. The home, JSON-RPC and the process stay. Disposal ends whatever is open.
 */
export class NodePhases implements AsyncDisposable {
  readonly #options: NodePhasesOptions
  readonly #stop = new AbortController()
  #node: OpenNode | undefined
  #unlocking: Promise<unknown> | undefined
  #problem: Refusal | undefined

  constructor(options: NodePhasesOptions) {
    this.#options = options
  }

  /** The node as it was opened last, maybe locked since; `undefined` before, and while it is started anew. */
  get node(): OpenNode | undefined {
    return this.#node
  }

  get state(): NodeState {
    if (this.#node?.isUnlocked === true) return "serving"
    return this.#unlocking === undefined ? "locked" : "unlocking"
  }

  /** Why the last try to open the node failed; `undefined` once it is open. */
  get problem(): Refusal | undefined {
    return this.#problem
  }

  /** Opens the keystore and starts what depends on it. One try at a time; a refused one leaves everything as it was, or the node locked when it does not start any more. */
  async unlock(sources: KeystoreSources, { signal }: CallOptions): Promise<Result<NodeRuntime>> {
    if (this.#node?.isUnlocked === true) return refuse("NODE_NOT_LOCKED", "the node is not locked; nothing was changed")
    if (this.#unlocking !== undefined) return refuse("UNLOCK_UNDER_WAY", "somebody unlocks the node at this moment; see `keygrove status`")
    const trying = this.#unlock(sources, AbortSignal.any([signal, this.#stop.signal]))
    this.#unlocking = trying
    this.#options.onChange()
    try {
      const unlocked = await trying
      this.#problem = unlocked.ok ? undefined : unlocked
      return unlocked
    } finally {
      this.#unlocking = undefined
      this.#options.onChange()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#unlocking?.catch(() => undefined)
    await this.#node?.[Symbol.asyncDispose]()
  }

  async #unlock(sources: KeystoreSources, signal: AbortSignal): Promise<Result<NodeRuntime>> {
    const { home } = this.#options
    // The settings of now: a port that the system chose was written into them.
    const config = readConfig(home.config)
    if (!config.ok) return config
    const opened = await openKeystore({ home, config: config.value, log: this.#options.log }, sources, { signal })
    return opened.ok ? await this.#start(config.value, opened.value) : opened
  }

  /** From here on the node is another: whoever asked for it may have gone. */
  async #start(config: NodeConfig, keystore: KeystoreProcess): Promise<Result<NodeRuntime>> {
    const { home, log, peerOf } = this.#options
    await using stack = new AsyncDisposableStack()
    stack.use(keystore)
    const before = this.#node
    this.#node = undefined
    await before?.[Symbol.asyncDispose]()
    stack.move()
    const started = await startNode({ home, config }, keystore, { log }, { signal: this.#stop.signal })
    if (!started.ok) return started
    const node = new OpenNode(started.value, { log, peerOf: await peerOf })
    this.#node = node
    void started.value.keystore.ended.then(() => this.#options.onChange())
    return ok(node.runtime)
  }
}
