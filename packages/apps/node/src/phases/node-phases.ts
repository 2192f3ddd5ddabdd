import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { KeystoreProcess } from "@keygrove/keystore"
import type { PeerCredentialsReader } from "@keygrove/posix"
import type { CallOptions } from "@keygrove/service"
import { readConfig, type NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { startNode, type NodeRuntime } from "../node-runtime.ts"
import { openKeystore, type KeystoreSources } from "../runtime/open-keystore.ts"
import { openByGrant, type GrantWaiting } from "./grant-unlocking.ts"
import { OpenNode } from "./open-node.ts"
import { openByPieces, type PiecesProgress } from "./pieces-unlocking.ts"

export interface NodePhasesOptions {
  /** Held by this process. */
  readonly home: Home
  /** Tells which user is at the other end of a socket, where the system can. */
  readonly peerOf: Promise<PeerCredentialsReader | undefined>
  readonly log: (line: string) => void
  /** Told after each change of {@link NodePhases.state}, {@link NodePhases.pieces} and {@link NodePhases.grant}. */
  readonly onChange: () => void
}

/** `locked`: nothing with keys is done; `unlocking`: a keystore is being opened, by a secret, by pieces or by a grant; `serving`: one is open. */
export type NodeState = "locked" | "unlocking" | "serving"

/** Who unlocks a node when nobody gives it a secret: its peers, by pieces, or proxies, by a grant of a label. */
export type OtherMeans = "pieces" | "delegated"

/** An unlocking by others that is under way. */
interface Gathering {
  readonly by: OtherMeans
  readonly stop: AbortController
  readonly done: Promise<Result<NodeRuntime> | undefined>
  pieces: PiecesProgress | undefined
  grant: GrantWaiting | undefined
}

/**
 * What a node is from its start to its end: locked until a keystore is opened, then open; and, when that keystore was locked, opened again by {@link unlock} or {@link unlockByOthers}, which
 * start everything that depends on the keystore anew. The home, JSON-RPC and the process stay. Disposal ends whatever is open.
 */
export class NodePhases implements AsyncDisposable {
  readonly #options: NodePhasesOptions
  readonly #stop = new AbortController()
  #node: OpenNode | undefined
  #unlocking: Promise<unknown> | undefined
  #gathering: Gathering | undefined
  /** From when a keystore is open until everything that depends on it has started: nobody else may do the same. */
  #isStarting = false
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
    return this.#unlocking === undefined && this.#gathering === undefined ? "locked" : "unlocking"
  }

  /** How far the peers are with unlocking this node; `undefined` when they are not asked, or have not answered yet. */
  get pieces(): PiecesProgress | undefined {
    return this.#gathering?.pieces
  }

  /** Why a grant does not unlock this node yet; `undefined` when it is not asked for, or nothing is known yet. */
  get grant(): GrantWaiting | undefined {
    return this.#gathering?.grant
  }

  /** Why the last try to open the node failed; `undefined` once it is open. */
  get problem(): Refusal | undefined {
    return this.#problem
  }

  /** Opens the keystore with a secret and starts what depends on it. One try at a time; a refused one leaves everything as it was, also the peers that are being asked. */
  async unlock(sources: KeystoreSources, { signal }: CallOptions): Promise<Result<NodeRuntime>> {
    if (this.#node?.isUnlocked === true) return notLocked()
    if (this.#unlocking !== undefined || this.#isStarting)
      return refuse("UNLOCK_UNDER_WAY", "somebody unlocks the node at this moment; see `keygrove status`")
    const trying = this.#unlock(sources, AbortSignal.any([signal, this.#stop.signal]))
    this.#unlocking = trying
    this.#options.onChange()
    try {
      return this.#judge(await trying)
    } finally {
      this.#unlocking = undefined
      this.#options.onChange()
    }
  }

  /** Begins to ask others, the peers for the pieces of this node or the proxies of a grant, until they opened it, more asking would not help, or somebody else did. What comes of it is told in {@link state} and {@link problem}. */
  unlockByOthers(by: OtherMeans): Result<true> {
    if (this.#node?.isUnlocked === true) return notLocked()
    if (this.#gathering !== undefined || this.#unlocking !== undefined || this.#isStarting)
      return refuse("UNLOCK_UNDER_WAY", "the node is being unlocked at this moment; see `keygrove status`")
    const stop = new AbortController()
    const { promise, resolve } = Promise.withResolvers<Result<NodeRuntime> | undefined>()
    const gathering: Gathering = { by, stop, done: promise, pieces: undefined, grant: undefined }
    const asked = by === "pieces" ? "the other nodes for the pieces of this one" : "the proxies of the label that opens this node"
    this.#options.log(`asking ${asked}; \`keygrove unlock\` opens it with its passphrase or key file`)
    this.#gathering = gathering
    void this.#gather(gathering).then(resolve)
    this.#options.onChange()
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled([this.#unlocking, this.#gathering?.done])
    await this.#node?.[Symbol.asyncDispose]()
  }

  async #unlock(sources: KeystoreSources, signal: AbortSignal): Promise<Result<NodeRuntime>> {
    const { home, log } = this.#options
    // The settings of now: a port that the system chose was written into them.
    const config = readConfig(home.config)
    if (!config.ok) return config
    const opened = await openKeystore({ home, config: config.value, log }, sources, { signal })
    return opened.ok ? await this.#start(config.value, opened.value) : opened
  }

  /** Never rejects. */
  async #gather(gathering: Gathering): Promise<Result<NodeRuntime> | undefined> {
    const { home, log, onChange } = this.#options
    const signal = AbortSignal.any([gathering.stop.signal, this.#stop.signal])
    try {
      const config = readConfig(home.config)
      if (!config.ok) return this.#judge(config)
      // What goes on without keys has the ledger open, which is to be followed under the boot key.
      await this.#closeNode()
      const opened = await this.#askOthers(config.value, gathering, { signal })
      if (opened.ok) return this.#judge(await this.#start(config.value, opened.value, gathering))
      log(`${opened.code}: ${opened.message}`)
      this.#judge(opened)
      if (config.value.keyFile === undefined) return opened
      const others = gathering.by === "pieces" ? "peers cannot" : "no grant can"
      log(`${others} unlock the node now; it is unlocked with its key file ${config.value.keyFile}`)
      this.#gathering = undefined
      const byFile = await this.unlock({}, { signal })
      return byFile.ok
        ? byFile
        : this.#judge(refuse(opened.code, `${opened.message}; its key file does not either: ${byFile.code}: ${byFile.message}`))
    } catch (error) {
      // Somebody was faster, or the node ends.
      if (signal.aborted) return undefined
      const failed = refuse("NODE_START_FAILED", error instanceof Error ? error.message : "unknown")
      log(`${failed.code}: ${failed.message}`)
      return this.#judge(failed)
    } finally {
      if (this.#gathering === gathering) this.#gathering = undefined
      onChange()
    }
  }

  async #askOthers(config: NodeConfig, gathering: Gathering, call: CallOptions): Promise<Result<KeystoreProcess>> {
    const { home, log, onChange } = this.#options
    const surroundings = { home, config, log }
    if (gathering.by === "pieces") {
      return await openByPieces(surroundings, call, (progress) => {
        gathering.pieces = progress
        onChange()
      })
    }
    return await openByGrant(surroundings, call, (progress) => {
      gathering.grant = progress
      onChange()
    })
  }

  /** From here on the node is another: whoever asked for it may have gone. Takes the keystore over. */
  async #start(config: NodeConfig, keystore: KeystoreProcess, by?: Gathering): Promise<Result<NodeRuntime>> {
    const { home, log, peerOf } = this.#options
    await using stack = new AsyncDisposableStack()
    stack.use(keystore)
    if (this.#isStarting || this.#node?.isUnlocked === true) return notLocked()
    this.#isStarting = true
    try {
      if (this.#gathering !== undefined && this.#gathering !== by) {
        this.#gathering.stop.abort()
        await this.#gathering.done
      }
      await this.#closeNode()
      stack.move()
      const started = await startNode({ home, config }, keystore, { log }, { signal: this.#stop.signal })
      if (!started.ok) return started
      const node = new OpenNode(started.value, { log, peerOf: await peerOf })
      this.#node = node
      void started.value.keystore.ended.then(() => this.#options.onChange())
      return ok(node.runtime)
    } finally {
      this.#isStarting = false
    }
  }

  async #closeNode(): Promise<void> {
    const before = this.#node
    this.#node = undefined
    await before?.[Symbol.asyncDispose]()
  }

  #judge<T>(outcome: Result<T>): Result<T> {
    // Two at once, of which the other one opened it.
    if (outcome.ok || outcome.code !== "NODE_NOT_LOCKED") this.#problem = outcome.ok ? undefined : outcome
    return outcome
  }
}

function notLocked(): Refusal<"NODE_NOT_LOCKED"> {
  return refuse("NODE_NOT_LOCKED", "the node is not locked; nothing was changed")
}
