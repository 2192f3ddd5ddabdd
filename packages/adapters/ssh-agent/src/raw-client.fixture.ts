import { connect, type Socket } from "node:net"
import { concatBytes } from "@keygrove/base"
import { AgentMessageReader } from "./agent-codec.ts"
import { SshReader, sshString, uint32 } from "./ssh-data.ts"

/** A key as the agent lists it. */
export interface ListedKey {
  readonly blob: Uint8Array
  readonly comment: string
}

/** A client that can also misbehave. */
export class RawClient implements Disposable {
  readonly socket: Socket
  /** Settles when the agent has hung up. */
  readonly closed: Promise<void>
  readonly #reader = new AgentMessageReader()
  readonly #answers: Uint8Array[] = []
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    const closed = Promise.withResolvers<void>()
    this.closed = closed.promise
    socket.on("error", () => undefined)
    socket.once("close", () => {
      closed.resolve()
      this.#wake()
    })
    socket.on("data", (chunk: Buffer) => {
      for (let at = 0; at < chunk.length;) {
        const taken = this.#reader.take(chunk.subarray(at))
        if (taken === "length refused") throw new RangeError("answer of a refused length")
        at += taken.used
        if (taken.message !== undefined) this.#answers.push(taken.message)
      }
      this.#wake()
    })
  }

  static async open(path: string): Promise<RawClient> {
    const { promise, reject, resolve } = Promise.withResolvers<void>()
    const socket = connect({ path }, resolve)
    socket.once("error", reject)
    const client = new RawClient(socket)
    await promise
    return client
  }

  /** The next answer without its length; `undefined` when the agent hung up instead. */
  async answer(): Promise<Uint8Array | undefined> {
    while (this.#answers.length === 0 && !this.socket.closed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    return this.#answers.shift()
  }

  async ask(body: Uint8Array): Promise<Uint8Array | undefined> {
    this.socket.write(framed(body))
    return await this.answer()
  }

  /** What the agent offers. */
  async list(): Promise<readonly ListedKey[]> {
    const reader = new SshReader((await this.ask(Uint8Array.of(11))) ?? new Uint8Array(0))
    if (reader.byte() !== 12) throw new TypeError("no list of identities")
    const found: ListedKey[] = []
    for (let left = reader.uint32() ?? 0; left > 0; left--)
      found.push({ blob: reader.string() ?? new Uint8Array(0), comment: Buffer.from(reader.string() ?? []).toString() })
    if (!reader.isAtEnd) throw new TypeError("more than a list of identities")
    return found
  }

  /** The public part of an offered key. */
  async blobOf(id: string): Promise<Uint8Array> {
    const found = (await this.list()).find(({ comment }) => comment === id)
    if (found === undefined) throw new RangeError(`${id} is not listed`)
    return found.blob
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

/** A message after its length. */
export function framed(body: Uint8Array): Uint8Array {
  return concatBytes(uint32(body.length), body)
}

/** SSH_AGENTC_SIGN_REQUEST. */
export function signRequest(key: Uint8Array, data: Uint8Array, flags = 0): Uint8Array {
  return concatBytes(Uint8Array.of(13), sshString(key), sshString(data), uint32(flags))
}

/** SSH_AGENTC_EXTENSION. */
export function extension(name: string, ...contents: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(27), sshString(name), ...contents)
}
