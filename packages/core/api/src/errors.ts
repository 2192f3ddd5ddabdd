import type { ErrorTable } from "@keygrove/base"

export type ApiErrorCode =
  | "RPC_NOT_JSON"
  | "RPC_REQUEST_INVALID"
  | "RPC_PARAMS_INVALID"
  | "RPC_METHOD_UNKNOWN"
  | "RPC_TOO_LARGE"
  | "RPC_UNAUTHORISED"
  | "RPC_NOT_ALLOWED"
  | "RPC_FAILURES_LIMITED"
  | "RPC_BUSY"
  | "RPC_TIMEOUT"
  | "RPC_STOPPING"
  | "RPC_INTERNAL"

/** Codes of the JSON-RPC interface itself. */
export const apiErrors: ErrorTable<ApiErrorCode> = {
  RPC_NOT_JSON: { class: "usage", meaning: "The body of the request is not JSON.", remedy: "Send one JSON value, encoded in UTF-8." },
  RPC_REQUEST_INVALID: {
    class: "usage",
    meaning: "The request is not JSON-RPC 2.0.",
    remedy: "Send jsonrpc, id, method, and params by name.",
  },
  RPC_PARAMS_INVALID: {
    class: "usage",
    meaning: "A parameter is missing, unknown or malformed.",
    remedy: "See rpc.discover for what the method takes.",
  },
  RPC_METHOD_UNKNOWN: { class: "usage", meaning: "There is no such method.", remedy: "See rpc.discover for those that exist." },
  RPC_TOO_LARGE: { class: "usage", meaning: "The request body or batch is over the limit.", remedy: "Send less at once." },
  RPC_UNAUTHORISED: {
    class: "refused",
    meaning: "The request carries no valid cookie, name or password, or comes from a foreign origin.",
    remedy: "Read the cookie file of the home directory anew; it changes with each start. RPC users are made by `keygrove rpc-user`.",
  },
  RPC_NOT_ALLOWED: {
    class: "refused",
    meaning: "This RPC user may not call the method.",
    remedy: 'Use one that it may, or add the method to its "methods" in config.json and restart the node.',
  },
  RPC_FAILURES_LIMITED: {
    class: "refused",
    meaning: "Too many wrong passwords were given for this RPC user.",
    remedy: "Wait a moment. On the Unix socket it is not affected by what is tried over TCP.",
  },
  RPC_BUSY: { class: "failed", meaning: "Too many requests are under way.", remedy: "Try again in a moment." },
  RPC_TIMEOUT: {
    class: "failed",
    meaning: "The request took longer than the node allows.",
    remedy: "Try again; see the node's log if it stays so.",
  },
  RPC_STOPPING: {
    class: "not-running",
    meaning: "The node was stopped while it worked on the request.",
    remedy: "Start it with `keygrove up` and try again; what it acknowledged stands.",
  },
  RPC_INTERNAL: { class: "failed", meaning: "The node met a fault of its own.", remedy: "See its log and report it." },
}

/** JSON-RPC 2.0 §5.1; codes of the application are all -32000, their own code is in `data.code`. */
const NUMBERS: Readonly<Partial<Record<string, number>>> = {
  RPC_NOT_JSON: -32_700,
  RPC_REQUEST_INVALID: -32_600,
  RPC_METHOD_UNKNOWN: -32_601,
  RPC_PARAMS_INVALID: -32_602,
  RPC_INTERNAL: -32_603,
}

/** The integer that JSON-RPC wants beside the stable code. */
export function rpcErrorNumber(code: string): number {
  return NUMBERS[code] ?? -32_000
}
