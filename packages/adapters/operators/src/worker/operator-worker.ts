import { constants, createContext, runInContext, SourceTextModule, type Context } from "node:vm"
import { parentPort, workerData } from "node:worker_threads"
import type { WorkerOrder, WorkerSays, WorkerUse } from "./messages.ts"

/**
 * The thread in which one operator is used once. Its code runs in a realm of its own that has the language and nothing else: no clock, no randomness, no
 * other threads, nothing of Node, no way to load or make code. Nothing of this realm is ever handed to it: through any of its objects it would reach the rest.
 */

/** What is left of the global object. Everything else that an engine has, or gets one day, is taken away: a function that can tell two calls apart is not pure. */
const GLOBALS: readonly string[] = [
  ..."AggregateError Array ArrayBuffer BigInt BigInt64Array BigUint64Array Boolean DataView Error EvalError Float16Array Float32Array".split(
    " ",
  ),
  ..."Float64Array Function Infinity Int16Array Int32Array Int8Array Iterator JSON Map Math NaN Number Object Promise Proxy RangeError".split(
    " ",
  ),
  ..."ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array".split(" "),
  ..."Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent globalThis isFinite isNaN".split(" "),
  ..."parseFloat parseInt undefined".split(" "),
]

const PRELUDE = `
for (const name of Reflect.ownKeys(globalThis)) if (!${JSON.stringify(GLOBALS)}.includes(name)) delete globalThis[name]
delete Math.random
Object.defineProperty(Error, "stackTraceLimit", { value: 0, writable: false, configurable: false })
`

const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const tagOf = getter(typedArray, Symbol.toStringTag)
const lengthOf = getter(typedArray, "length")

const { outputBytes, secretBytes, source }: WorkerOrder = workerData
dropFiles()
const realm = createContext(constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: false }, microtaskMode: "afterEvaluate" })
const memory: SharedArrayBuffer = runInContext(`new SharedArrayBuffer(${secretBytes + outputBytes})`, realm)
const viewOf: (buffer: SharedArrayBuffer, from: number, length: number) => Uint8Array = runInContext(
  "(...of) => new Uint8Array(...of)",
  realm,
)
const emptyOf: (length: number) => Uint8Array = runInContext("(length) => new Uint8Array(length)", realm)

/** Node lets every thread read its working directory, whatever it may else; from here on this one reads nothing. */
function dropFiles(): void {
  const drop: unknown = Reflect.get(process.permission, "drop")
  if (typeof drop === "function") Reflect.apply(drop, process.permission, ["fs"])
  if (process.permission.has("fs.read", process.cwd())) throw new Error("this Node cannot keep a thread from files; update it")
}

function say(what: WorkerSays): void {
  parentPort?.postMessage(what)
}

/** The function that the module exports; a word why not otherwise. */
async function load(context: Context): Promise<(...args: readonly Uint8Array[]) => unknown> {
  runInContext(PRELUDE, context)
  const module = new SourceTextModule(source, { context, identifier: "operator" })
  await module.link(() => {
    throw new Error("it imports other modules")
  })
  await module.evaluate()
  const exported: unknown = Reflect.get(module.namespace, "operate")
  if (typeof exported !== "function") throw new Error("it exports no function called operate")
  return (...args) => Reflect.apply(exported, undefined, args)
}

/** Takes what was returned apart without asking it anything: everything else than these is an object that could answer with code of its own. */
function answerOf(returned: unknown): WorkerSays {
  if (typeof returned === "boolean" || typeof returned === "number") return { kind: "value", value: returned }
  if (typeof returned === "string") return returned.length <= 64 ? { kind: "value", value: returned } : failed("returned long text")
  if (!ArrayBuffer.isView(returned) || Reflect.apply(tagOf, returned, []) !== "Uint8Array") return failed("returned something else")
  const length = Number(Reflect.apply(lengthOf, returned, []))
  if (length > outputBytes) return failed(`returned more than ${outputBytes} bytes`)
  const bytes: object = returned
  Uint8Array.prototype.set.call(new Uint8Array(memory, secretBytes, outputBytes), bytes as Uint8Array)
  return { kind: "bytes", length }
}

function failed(why: string): WorkerSays {
  return { kind: "failed", why }
}

function getter(of: object, name: string | symbol): () => unknown {
  const get = Reflect.getOwnPropertyDescriptor(of, name)?.get
  if (get === undefined) throw new TypeError("a getter of the language is missing")
  return get
}

function use(operate: (...args: readonly Uint8Array[]) => unknown, input: Uint8Array): WorkerSays {
  const given = emptyOf(input.length)
  Uint8Array.prototype.set.call(given, input)
  try {
    return answerOf(operate(viewOf(memory, 0, secretBytes), given))
  } catch {
    // What was thrown is not looked at: it may be anything, and may quote the secret.
    return failed("threw")
  }
}

try {
  const operate = await load(realm)
  parentPort?.once("message", ({ input }: WorkerUse) => say(use(operate, input)))
  say({ kind: "ready", memory })
} catch (error) {
  // Errors of this realm are ours or Node's about the module's text; those of the module's own code are of its realm.
  say({
    kind: "invalid",
    why: error instanceof Error ? (error.message.split("\n", 1)[0]?.slice(0, 120) ?? "") : "it threw while it was loaded",
  })
}
