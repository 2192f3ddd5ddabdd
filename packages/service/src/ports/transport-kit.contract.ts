import type { Result } from "@keygrove/base"
import type { CallOptions } from "./call-options.ts"
import type {
  InboundRequest,
  PeerAddress,
  ProtocolName,
  RequestHandler,
  RequestRefusal,
  Transport,
  TransportIdentity,
} from "./transport.ts"

/** A node of a suite's network. */
export interface TransportNode extends AsyncDisposable {
  readonly transport: Transport
  /** Its key, and the addresses it listens at. */
  readonly address: PeerAddress
}

/** Nodes that reach each other; disposed of when a test ends. */
export interface TransportNetwork extends AsyncDisposable {
  /** A node whose key depends on the name only; its addresses may be new each time. */
  join(name: string): Promise<TransportNode>
  /** The key of the node with this name, whether it joined or not. */
  keyOf(name: string): Uint8Array
  /** The same with its signer, for a node that moves to it. */
  identityOf(name: string): TransportIdentity
  /** Lets time pass on the clock of the nodes. */
  pass(durationMs: number): Promise<void>
}

/** How a suite gets its networks. */
export interface TransportSubject {
  open(): TransportNetwork
}

export const call: CallOptions = { signal: new AbortController().signal }
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
export const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value))
export const echo: RequestHandler = async ({ body }) => body
export const whoAsks: RequestHandler = async ({ from }) => from
export const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.code)

/** See {@link gate}. */
export interface Gate {
  handler(request: InboundRequest, options: CallOptions): Promise<Uint8Array>
  arrived(count: number): Promise<void>
  open(): void
  /** Resolves when the line of a caller has ended. */
  readonly ended: Promise<void>
}

/** A handler whose answers wait until the test opens the gate; `arrived(n)` resolves when n requests have come. */
export function gate(): Gate {
  const opened = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  let seen = 0
  const handler: Gate["handler"] = async ({ body }, { signal }) => {
    seen++
    for (const { count, resolve } of waiting) if (seen >= count) resolve()
    signal.addEventListener("abort", () => ended.resolve(), { once: true })
    await opened.promise
    return body
  }
  const arrived = (count: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (seen >= count) resolve()
    else waiting.push({ count, resolve })
    return promise
  }
  return { handler, arrived, open: () => opened.resolve(), ended: ended.promise }
}

/** See {@link pair}. */
export interface Pair {
  readonly alice: TransportNode
  readonly bob: TransportNode
  readonly serving: Disposable
  ask(body: Uint8Array, options?: CallOptions, protocol?: ProtocolName): Promise<Result<Uint8Array, RequestRefusal>>
}

/** A server `bob` with this handler of protocol `proxy`, and a caller `alice`. */
export async function pair(network: TransportNetwork, handler: RequestHandler): Promise<Pair> {
  const alice = await network.join("alice")
  const bob = await network.join("bob")
  const serving = bob.transport.serve("proxy", handler)
  const ask = (body: Uint8Array, options = call, protocol: ProtocolName = "proxy") =>
    alice.transport.request(bob.address, protocol, body, options)
  return { alice, bob, serving, ask }
}
