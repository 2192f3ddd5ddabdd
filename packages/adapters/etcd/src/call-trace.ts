import type { ClientHttp2Stream, Http2Session } from "node:http2"
import type { GrpcTransportOptions } from "@connectrpc/connect-node"

type SessionManager = NonNullable<GrpcTransportOptions["sessionManager"]>

/** So that a slice comes without waiting for windows, of a stream and of its connection. */
export const WINDOW_BYTES: number = 4 * 1024 * 1024

/** Passes one call on to the manager of its connection, and sees what the library does not tell: whether the request left, and whether anything came. */
export class CallTrace implements SessionManager {
  readonly #sessions: SessionManager
  readonly #onHeard: () => void
  #left = false

  constructor(sessions: SessionManager, onHeard: () => void) {
    this.#sessions = sessions
    this.#onHeard = onHeard
  }

  get authority(): string {
    return this.#sessions.authority
  }

  /** Whether there was a connection over which the request can have gone. */
  get left(): boolean {
    return this.#left
  }

  async request(...asked: Parameters<SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const stream = await this.#sessions.request(...asked)
    this.#left = true
    if (stream.session !== undefined) prepare(stream.session)
    stream.once("response", this.#onHeard)
    return stream
  }

  notifyResponseByteRead(stream: ClientHttp2Stream): void {
    this.#onHeard()
    this.#sessions.notifyResponseByteRead(stream)
  }
}

/** Once for each connection. */
function prepare(session: Http2Session): void {
  if (session.destroyed || session.listeners("error").includes(ignore)) return
  // The manager stops listening when it is told to abort, and an error that is on its way then would end the process.
  session.on("error", ignore)
  session.setLocalWindowSize(WINDOW_BYTES)
}

/** Each call hears of it by its own stream. */
function ignore(): void {}
