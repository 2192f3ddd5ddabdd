import { AnswerFields } from "./answer-fields.ts"

/** A refusal of the node, with its code of docs/errors.md. */
export interface NodeRefusal {
  readonly code: string
  readonly message: string
}

/** What a call came to. */
export type Answer = { readonly ok: true; readonly value: unknown } | ({ readonly ok: false } & NodeRefusal)

/** One call of a batch. */
export interface Call {
  readonly method: string
  readonly params?: object
}

/** Codes that the page does something about; the first is its own word for no answer at all. */
export const UNREACHABLE = "NODE_NOT_RUNNING"
export const SESSION_ENDED = "CONSOLE_SESSION_ENDED"

/** Storage of this tab and port alone: it survives a reload and no more. */
const KEY_NAME = "keygrove-session"

/** Whether the person did something since the last request: the page's own questions keep no session alive. */
const presence = { seen: false }
for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => void (presence.seen = true), { passive: true })

/** Exchanges the token of a link for a session: a cookie that no script reads, and a key that no other port gets. */
export async function logIn(token: string): Promise<Answer> {
  const answer = await send("POST", "/console/session", { token })
  if (answer.ok) sessionStorage.setItem(KEY_NAME, new AnswerFields("session", answer.value).text("key"))
  return answer
}

export async function logOut(): Promise<void> {
  await send("DELETE", "/console/session")
  sessionStorage.removeItem(KEY_NAME)
}

/** Whether this tab has a session, as far as it knows. */
export function hasSession(): boolean {
  return sessionStorage.getItem(KEY_NAME) !== null
}

/** Calls methods in one request; as many answers, in the same order. */
export async function callAll(calls: readonly Call[], signal?: AbortSignal): Promise<readonly Answer[]> {
  const batch = calls.map(({ method, params = {} }, id) => ({ jsonrpc: "2.0", id, method, params }))
  const sent = await send("POST", "/console/rpc", batch, signal)
  if (!sent.ok) return calls.map(() => sent)
  const answers: readonly unknown[] = Array.isArray(sent.value) ? sent.value : [sent.value]
  return calls.map((_, index) => answerOf(answers[index] ?? answers[0]))
}

export async function call(method: string, params: object = {}, signal?: AbortSignal): Promise<Answer> {
  const [answer] = await callAll([{ method, params }], signal)
  return answer ?? { ok: false, code: UNREACHABLE, message: "the node gave no answer" }
}

async function send(method: "POST" | "DELETE", path: string, body?: unknown, signal?: AbortSignal): Promise<Answer> {
  const key = sessionStorage.getItem(KEY_NAME)
  const headers = new Headers({ "content-type": "application/json" })
  if (key !== null) headers.set("keygrove-session", key)
  if (presence.seen) headers.set("keygrove-presence", "person")
  presence.seen = false
  try {
    const response = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const value: unknown = await response.json()
    return response.ok ? { ok: true, value } : answerOf(value)
  } catch (error) {
    if (signal?.aborted === true) throw error
    return { ok: false, code: UNREACHABLE, message: "the node does not answer; is it running? `keygrove status` tells" }
  }
}

/** Result or refusal of one JSON-RPC answer. */
function answerOf(value: unknown): Answer {
  if (typeof value === "object" && value !== null && "result" in value) return { ok: true, value: value.result }
  const error = new AnswerFields("answer", value).object("error")
  return { ok: false, code: error.object("data").text("code"), message: error.text("message") }
}
