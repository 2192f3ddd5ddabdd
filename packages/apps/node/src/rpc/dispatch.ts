import { KeygroveError, refuse, type Refusal, type Result } from "@keygrove/base"
import { apiMethods, decodeCall, decodeMethodParams, isMethodName, rpcErrorNumber, type ApiParams, type MethodName } from "@keygrove/api"
import type { CallOptions, KeyCall } from "@keygrove/service"
import type { RpcCaller } from "./callers.ts"
import { faultOf, handlers } from "./methods.ts"
import { isPhaseMethod, performLocked, type NodeMethods } from "./phase-methods.ts"

/** Calls of one batch. */
const MAX_BATCH_CALLS = 64

/** One answer of JSON-RPC 2.0. */
export type RpcAnswer = { readonly jsonrpc: "2.0"; readonly id: string | number | null } & (
  | { readonly result: unknown }
  | { readonly error: RpcError }
)

interface RpcError {
  readonly code: number
  readonly message: string
  readonly data: { readonly code: string }
}

/** On whose behalf calls are performed. Told of faults, so that they are logged and not answered in full. */
export interface DispatchOptions extends CallOptions {
  readonly caller: RpcCaller
  readonly onFault: (method: string, error: unknown) => void
}

/** Performs the calls of a request body; `undefined` when there is nothing to answer. */
export async function dispatch(
  context: NodeMethods,
  body: unknown,
  options: DispatchOptions,
): Promise<RpcAnswer | readonly RpcAnswer[] | undefined> {
  if (!Array.isArray(body)) return await dispatchOne(context, body, options)
  if (body.length === 0) return failure(null, refuse("RPC_REQUEST_INVALID", "the batch is empty"))
  if (body.length > MAX_BATCH_CALLS)
    return failure(null, refuse("RPC_TOO_LARGE", `a batch has at most ${MAX_BATCH_CALLS} calls, got ${body.length}; send several`))
  const answers: RpcAnswer[] = []
  for (const each of body) {
    const answer = await dispatchOne(context, each, options)
    if (answer !== undefined) answers.push(answer)
  }
  return answers.length === 0 ? undefined : answers
}

/** An answer that refuses. */
export function failure(id: string | number | null, refusal: Refusal): RpcAnswer {
  const { code, data = {}, message } = refusal
  return { jsonrpc: "2.0", id, error: { code: rpcErrorNumber(code), message, data: { ...data, code } } }
}

async function dispatchOne(context: NodeMethods, value: unknown, options: DispatchOptions): Promise<RpcAnswer | undefined> {
  const call = decodeCall(value)
  if (!call.ok) return failure(null, call)
  const { id, method, params } = call.value
  const answer = isMethodName(method)
    ? await perform(context, method, params, options)
    : refuse("RPC_METHOD_UNKNOWN", `there is no method ${JSON.stringify(method)}; ${methodsLike(method)}`)
  if (id === undefined) return undefined
  return answer.ok ? { jsonrpc: "2.0", id, result: answer.value } : failure(id, answer)
}

/** What the caller may have meant: the methods of the same noun. */
function methodsLike(method: string): string {
  const alike = Object.keys(apiMethods).filter((name) => name.startsWith(`${method.split(".")[0] ?? ""}.`))
  return alike.length === 0 ? "rpc.discover lists those that exist" : `there are ${alike.join(", ")}`
}

function interruption(reason: unknown): Refusal {
  if (reason instanceof KeygroveError) return reason.toRefusal()
  return reason instanceof DOMException && reason.name === "TimeoutError"
    ? refuse("RPC_TIMEOUT", "the request took longer than the node allows; try again")
    : refuse("RPC_STOPPING", "the node was stopped before it had an answer; start it with `keygrove up` and try again")
}

async function perform<M extends MethodName>(
  context: NodeMethods,
  method: M,
  params: unknown,
  options: DispatchOptions,
): Promise<Result<unknown>> {
  const { caller, signal } = options
  if (!caller.mayCall(method))
    return refuse(
      "RPC_NOT_ALLOWED",
      `${caller.caller} may not call ${method}; what it may is in ${caller.mayCallBy ?? "docs/protocol/rpc.md"}`,
      {
        method,
      },
    )
  const decoded = decodeMethodParams(method, params)
  if (!decoded.ok) return decoded
  try {
    return await performNow(context, method, decoded.value, { caller: caller.caller, signal })
  } catch (error) {
    if (signal.aborted) return interruption(signal.reason)
    if (error instanceof KeygroveError && error.code === "KEYSTORE_LOCKED") return error.toRefusal()
    options.onFault(method, error)
    return faultOf(error)
  }
}

/** Performs a call on the node as it is at this moment: much on one that was opened, little on one that was not. */
async function performNow<M extends MethodName>(
  methods: NodeMethods,
  method: M,
  params: ApiParams[M],
  { caller, signal }: KeyCall,
): Promise<Result<unknown>> {
  const { node } = methods.phases
  if (node === undefined) return await performLocked(methods, method, params, { caller, signal })
  const { idleLock, runtime, sshAgents } = node
  using _use = idleLock?.use(method)
  const perform = async (until: AbortSignal): Promise<Result<unknown>> =>
    await handlers[method]({ ...methods, runtime, idleLock, sshAgents }, params, { caller, signal: until })
  return isPhaseMethod(method) ? await perform(signal) : await node.use(signal, perform)
}
