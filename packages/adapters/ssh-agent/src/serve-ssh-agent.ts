import { chmodSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { ok, refuse, type Result } from "@keygrove/base"
import type { KeyId } from "@keygrove/keys"
import { AgentConnection, type ConnectionTimes } from "./agent-connection.ts"
import { AgentSession, type AgentDesk } from "./agent-session.ts"
import { codeOf, prepareSocket, unusable } from "./agent-socket.ts"
import type { SshAgentErrorCode } from "./errors.ts"
import { Identities, type SshAgentKeys } from "./identities.ts"
import { limitedLog } from "./limited-log.ts"

/** Clients at a time. For one more, the client that was silent longest is hung up on; the newcomer itself when all wait for answers. */
export const MAX_AGENT_CONNECTIONS = 16

const TIMES: ConnectionTimes = { messageMs: 30_000, idleMs: 300_000, answerMs: 120_000 }

export interface SshAgentOptions {
  readonly keys: SshAgentKeys
  /** Path of the socket, at most 103 bytes, in a directory that only this user can enter; made when it is missing. */
  readonly socketPath: string
  /**
   * Asks a person whether a key may sign once, for keys whose rules say so. The signal ends the question when the client is gone or two minutes are
   * over. Several may be open at a time, one a connection. Without it such keys are not used.
   */
  readonly confirm?: (id: KeyId, signal: AbortSignal) => Promise<boolean>
  /** Why a client that has just connected is hung up on before anything of it is read, e.g. its user; `undefined` lets it in, as does the lack of this. */
  readonly refusePeer?: (socket: Socket) => string | undefined
  /** Takes one line about each refusal and fault, without contents; at most 60 a minute. */
  readonly log?: (line: string) => void
  /** Ends the agent. */
  readonly signal: AbortSignal
  /** Other limits than 30 s for a message, 5 minutes of silence and 2 minutes for an answer. */
  readonly times?: Partial<ConnectionTimes>
}

/** A running agent. Disposal ends it and waits for what was under way. */
export interface SshAgent extends AsyncDisposable {
  readonly socketPath: string
  /** Settles, never rejects, when the agent has ended: disposed of, aborted, or after a fault of its socket. */
  readonly closed: Promise<void>
}

/**
 * Serves ed25519 and p256 keys of a keystore by the protocol of ssh-agent (draft-ietf-sshm-ssh-agent) on a Unix socket of mode 0600. It lists and
 * signs; keys come and go by other ways, so everything else is answered with the protocol's failure.
 */
export async function serveSshAgent(options: SshAgentOptions): Promise<Result<SshAgent, SshAgentErrorCode>> {
  const { signal, socketPath } = options
  signal.throwIfAborted()
  const prepared = await prepareSocket(socketPath, signal)
  if (!prepared.ok) return prepared
  signal.throwIfAborted()
  const server = new AgentServer(options)
  const listening = await server.listen()
  return listening.ok ? ok(server) : listening
}

class AgentServer implements SshAgent {
  readonly socketPath: string
  readonly closed: Promise<void>
  readonly #server: Server
  readonly #desk: AgentDesk
  readonly #times: ConnectionTimes
  readonly #refusePeer: (socket: Socket) => string | undefined
  readonly #signal: AbortSignal
  readonly #connections: Set<AgentConnection> = new Set()

  constructor({ confirm, keys, log = () => undefined, refusePeer = () => undefined, signal, socketPath, times }: SshAgentOptions) {
    this.socketPath = socketPath
    this.#desk = { keys, confirm, log: limitedLog(log), identities: new Identities(keys) }
    this.#times = { ...TIMES, ...times }
    this.#refusePeer = refusePeer
    this.#signal = signal
    this.#server = createServer((socket) => this.#accept(socket))
    const closed = Promise.withResolvers<void>()
    this.#server.once("close", () => closed.resolve())
    this.closed = closed.promise.then(async () => void (await Promise.all([...this.#connections].map(async (each) => await each.closed))))
  }

  async listen(): Promise<Result<true, SshAgentErrorCode>> {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.#server.once("error", resolve)
    this.#server.listen({ path: this.socketPath }, () => resolve(undefined))
    const failure = await promise
    if (failure !== undefined) return refusalOf(failure, this.socketPath)
    chmodSync(this.socketPath, 0o600)
    this.#server.on("error", (error) => this.#desk.log(`ssh-agent: cannot accept a client: ${codeOf(error)}`))
    if (this.#signal.aborted) this.#end()
    else this.#signal.addEventListener("abort", this.#end, { once: true })
    return ok(true)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
    await this.closed
  }

  #accept(socket: Socket): void {
    const reason = this.#refusePeer(socket)
    if (reason !== undefined) {
      this.#desk.log(`ssh-agent: refused: ${reason}`)
      return void socket.destroy()
    }
    if (!this.#makeRoom()) return void socket.destroy()
    const connection = new AgentConnection(socket, new AgentSession(this.#desk), this.#times)
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
  }

  #makeRoom(): boolean {
    const open = [...this.#connections].filter(({ isOpen }) => isOpen)
    if (open.length < MAX_AGENT_CONNECTIONS) return true
    const silent = open.filter(({ silentSince }) => silentSince !== undefined)
    const longest = silent.toSorted((a, b) => (a.silentSince ?? 0) - (b.silentSince ?? 0))[0]
    longest?.[Symbol.dispose]()
    this.#desk.log(
      `ssh-agent: ${MAX_AGENT_CONNECTIONS} clients are connected; hung up on ${longest === undefined ? "another" : "the most silent"}`,
    )
    return longest !== undefined
  }

  /** Accepts nobody any more and cuts off those who are there. May be called twice. */
  readonly #end = (): void => {
    this.#signal.removeEventListener("abort", this.#end)
    if (this.#server.listening) this.#server.close()
    for (const connection of this.#connections) connection[Symbol.dispose]()
  }
}

function refusalOf(failure: Error, path: string): Result<never, SshAgentErrorCode> {
  const code = codeOf(failure)
  if (code === "EADDRINUSE") return refuse("SSH_AGENT_SOCKET_IN_USE", `an agent began to listen on ${path} just now; use it or stop it`)
  return unusable(path, `cannot be listened on (${code}); check its directory`)
}
