import { randomBytes } from "node:crypto"
import { isAbsolute } from "node:path"
import { ok, refuse, type Refusal, type Result } from "@keygrove/base"
import type { PeerCredentials, PeerCredentialsReader } from "@keygrove/posix"
import type { CallOptions, NamedKeys } from "@keygrove/service"
import type { SshAgent } from "@keygrove/ssh-agent"
import type { IdleLock } from "./idle-lock.ts"
import { OpenQuestions, type QuestionList } from "./open-questions.ts"

/** Agents at a time. */
const MAX_SSH_AGENTS = 4
/** How long an agent outlives the last call that waited for its questions, in milliseconds: its owner may have been killed. */
const LEASE_MS = 5_000
const AGENT_ID_BYTES = 8

/** What the agents need of the node. */
interface SshAgentsOptions {
  readonly keystore: {
    readonly keys: Pick<NamedKeys, "list" | "sign">
    /** Settles when there are no keys any more. */
    readonly ended: Promise<void>
    state(): "unlocked" | "locked" | "gone"
  }
  /** Tells which user is at the other end of a socket, where the system can. */
  readonly peerOf: PeerCredentialsReader | undefined
  /** Told of each use. */
  readonly idleLock: Pick<IdleLock, "begin"> | undefined
  /** Told in one line what a person should know. */
  readonly log: (line: string) => void
}

interface ServedAgent {
  readonly server: SshAgent
  readonly questions: OpenQuestions
  /** Calls that wait for its questions. */
  waiting: number
  lease: NodeJS.Timeout | undefined
}

/**
 * The agents for ssh that this node serves. Each belongs to a caller who waits for its questions again and again; it ends when nobody does any more,
 * when the keystore is locked, and with the node. Disposal ends all of them.
 */
export class SshAgents implements AsyncDisposable {
  readonly #options: SshAgentsOptions
  readonly #agents: Map<string, ServedAgent> = new Map()
  readonly #stop = new AbortController()
  /** Those that are being started count too. */
  #starting = 0

  constructor(options: SshAgentsOptions) {
    this.#options = options
    void options.keystore.ended.then(async () => await this.#endAll())
  }

  /** Begins to serve on a socket; the answer names the agent. */
  async start(
    { confirms, socketPath }: { readonly socketPath: string; readonly confirms: boolean },
    { signal }: CallOptions,
  ): Promise<Result<string>> {
    const locked = this.#lockedRefusal()
    if (locked !== undefined) return locked
    // The node has a working directory of its own.
    if (!isAbsolute(socketPath))
      return refuse("RPC_PARAMS_INVALID", 'the parameter "socketPath" must be an absolute path', { name: "socketPath" })
    if (this.#agents.size + this.#starting >= MAX_SSH_AGENTS)
      return refuse("SSH_AGENTS_TOO_MANY", `this node serves ${MAX_SSH_AGENTS} agents already; use or stop one of them`)
    this.#starting++
    try {
      return await this.#serve(socketPath, confirms, signal)
    } finally {
      this.#starting--
    }
  }

  /** The open questions, as soon as their revision is another than `seen`, or after half a minute. */
  async wait(agent: string, seen: number, { signal }: CallOptions): Promise<Result<QuestionList>> {
    const found = this.#agents.get(agent)
    if (found === undefined) return this.#endedRefusal()
    found.waiting++
    clearTimeout(found.lease)
    try {
      const list = await found.questions.changed(seen, signal)
      return list === undefined ? this.#endedRefusal() : ok(list)
    } finally {
      if (--found.waiting === 0) this.#lease(agent, found)
    }
  }

  /** Answers a question; false when it was not open any more. */
  answer(agent: string, { agreed, question }: { readonly question: number; readonly agreed: boolean }): Result<boolean> {
    const found = this.#agents.get(agent)
    return found === undefined ? this.#endedRefusal() : ok(found.questions.answer(question, agreed))
  }

  /** Ends an agent; its socket is gone afterwards. Without effect when it has ended. */
  async stop(agent: string): Promise<void> {
    const found = this.#agents.get(agent)
    if (found === undefined) return
    this.#agents.delete(agent)
    clearTimeout(found.lease)
    await found.server[Symbol.asyncDispose]()
    found.questions.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#endAll()
  }

  async #serve(socketPath: string, confirms: boolean, signal: AbortSignal): Promise<Result<string>> {
    // Most nodes serve none.
    const { serveSshAgent } = await import("@keygrove/ssh-agent")
    const questions = new OpenQuestions()
    const { log, peerOf } = this.#options
    const served = await serveSshAgent({
      keys: this.#keys(),
      socketPath,
      ...(peerOf === undefined ? {} : { refusePeer: (socket): string | undefined => foreignPeer(peerOf(socket)) }),
      ...(confirms ? { confirm: async (key, gone): Promise<boolean> => await questions.ask(key, gone) } : {}),
      log,
      signal: this.#stop.signal,
    })
    if (!served.ok) return served
    const agent = randomBytes(AGENT_ID_BYTES).toString("hex")
    const entry: ServedAgent = { server: served.value, questions, waiting: 0, lease: undefined }
    this.#agents.set(agent, entry)
    void served.value.closed.then(async () => await this.stop(agent))
    // The caller may be gone, and the keystore too.
    if (signal.aborted || this.#lockedRefusal() !== undefined) {
      await this.stop(agent)
      signal.throwIfAborted()
      return this.#endedRefusal()
    }
    this.#lease(agent, entry)
    return ok(agent)
  }

  /** The node's keys; what is done with them counts as use of the keystore. */
  #keys(): Pick<NamedKeys, "list" | "sign"> {
    const { idleLock, keystore } = this.#options
    return {
      list: async (...args) => {
        using _use = idleLock?.begin()
        return await keystore.keys.list(...args)
      },
      sign: async (...args) => {
        using _use = idleLock?.begin()
        return await keystore.keys.sign(...args)
      },
    }
  }

  #lease(agent: string, entry: ServedAgent): void {
    if (this.#agents.get(agent) !== entry) return
    entry.lease = setTimeout(() => {
      this.#options.log(`ssh-agent: nobody waits for the questions of ${entry.server.socketPath} any more; it has ended`)
      void this.stop(agent)
    }, LEASE_MS)
  }

  async #endAll(): Promise<void> {
    await Promise.all([...this.#agents.keys()].map(async (agent) => await this.stop(agent)))
  }

  #lockedRefusal(): Refusal | undefined {
    const state = this.#options.keystore.state()
    if (state === "unlocked") return undefined
    return state === "locked"
      ? refuse("KEYSTORE_LOCKED", "the keystore is locked; `keygrove unlock` opens it")
      : refuse("KEYSTORE_GONE", "the keystore process has ended; `keygrove unlock` starts another")
  }

  #endedRefusal(): Refusal {
    return this.#lockedRefusal() ?? refuse("SSH_AGENT_ENDED", "this agent has ended; start it again with `keygrove ssh-agent`")
  }
}

/** Why a client is not served: the socket's mode keeps other users out, and this those whom something else let in. */
function foreignPeer(peer: PeerCredentials | undefined): string | undefined {
  if (peer === undefined) return "a client whose user the system does not tell"
  return peer.uid === process.getuid?.() || peer.uid === 0
    ? undefined
    : `a client of user ${peer.uid}; only user ${process.getuid?.() ?? 0} may use it`
}
