import { flushCompileCache } from "node:module"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { KeygroveError, refuse, type Refusal } from "@keygrove/base"
import { notifyServiceManager, openPeerCredentials, type ServiceState } from "@keygrove/posix"
import { systemClock, systemRandom } from "@keygrove/system"
import { ConsoleDesk } from "./console/console-desk.ts"
import { fileFailure } from "./home/file-failure.ts"
import { IdleLock } from "./idle-lock.ts"
import { startNode } from "./node-runtime.ts"
import { serveRpc } from "./rpc/server.ts"
import { SshAgents } from "./ssh-agents.ts"

/** The node program: `--home DIR [--key-file FILE | --passphrase-inherited]`, the passphrase's source being descriptor 3. Started by `keygrove up`. */
const PASSPHRASE_DESCRIPTOR = 3
/** Longest wait for a service manager that does not read what it is told. */
const NOTIFY_TIMEOUT_MS = 2_000

async function main(): Promise<number> {
  process.umask(0o077)
  const values = readArguments()
  const ending = new AbortController()
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => ending.abort())
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>()
  ending.signal.addEventListener("abort", () => end(undefined))
  const keyFile = values["key-file"]
  const starting = startNode(
    {
      home: values.home ?? "",
      log,
      ...(keyFile === undefined ? {} : { keyFile }),
      ...(values["passphrase-inherited"] === true ? { passphraseSource: PASSPHRASE_DESCRIPTOR } : {}),
    },
    { signal: ending.signal },
  )
  // Loaded while the keystore process starts.
  const [started, peerOf] = await Promise.all([starting, openPeerCredentials()])
  if (!started.ok) return fail(started)
  await using runtime = started.value
  const { config, home, keystore } = runtime
  const { idleLockMinutes: minutes } = config
  await using idleLock = minutes === undefined ? undefined : new IdleLock({ minutes, keystore, clock: systemClock, log })
  await using sshAgents = new SshAgents({ keystore, peerOf, idleLock, log })
  const isLocked = (): boolean => keystore.state() !== "unlocked"
  const console = new ConsoleDesk({ port: config.rpcPort, clock: systemClock, randomBytes: systemRandom, isLocked, log })
  void keystore.ended.then(() => console.endAll())
  const served = await serveRpc({
    home,
    port: config.rpcPort,
    methods: { runtime, sshAgents, idleLock, console, startedAt: Date.now(), stop: () => setImmediate(() => ending.abort()) },
    users: config.rpcUsers ?? [],
    console,
    peerOf,
    clock: systemClock,
    log,
  })
  if (!served.ok) return await fail(served)
  await using _rpc = served.value
  const serving = `serving ${keystore.identity().path} on ${runtime.context.transport.addresses().join(" ")}`
  await notify({ READY: "1", STATUS: serving })
  // Written at the end otherwise, which is too late for the nodes that start meanwhile, and never comes when this one is killed.
  flushCompileCache()
  log(serving)
  void keystore.ended.then(async () => {
    if (ending.signal.aborted) return
    if (keystore.state() === "gone") log("KEYSTORE_GONE: the keystore process has ended; `keygrove down` and `keygrove up` start it again")
    await notify({ STATUS: "locked; `keygrove down` and `keygrove up` unlock it" })
  })
  await ended
  await notify({ STOPPING: "1", STATUS: "stopping" })
  return 0
}

function readArguments(): { readonly home?: string; readonly "key-file"?: string; readonly "passphrase-inherited"?: boolean } {
  // Descriptor 3 has to be announced: where none was inherited, it is one of the runtime's own.
  return parseArgs({
    options: { home: { type: "string" }, "key-file": { type: "string" }, "passphrase-inherited": { type: "boolean" } },
  }).values
}

function log(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function fail(refusal: Refusal): Promise<number> {
  log(`${refusal.code}: ${refusal.message}`)
  const [{ allErrors }, { exitStatuses }] = await Promise.all([import("./error-catalogue.ts"), import("@keygrove/base/exit-statuses")])
  return exitStatuses[allErrors[refusal.code]?.class ?? "failed"]
}

/** Tells the service manager, if one started the node, how it is. One that is silent does not hold the node up. */
async function notify(state: ServiceState): Promise<void> {
  if (process.env["NOTIFY_SOCKET"] === undefined) return
  const told = await notifyServiceManager(state, { signal: AbortSignal.timeout(NOTIFY_TIMEOUT_MS) })
  if (!told) log(`NOTIFY_FAILED: the service manager could not be told ${Object.keys(state).join(" and ")}; see NOTIFY_SOCKET`)
}

const exitStatus = await main().catch((error: unknown) => {
  if (error instanceof KeygroveError) return fail(error.toRefusal())
  if (error instanceof Error && error.name === "AbortError") return 0
  const failed = fileFailure(error, resolve(readArguments().home ?? ""))
  if (failed !== undefined) return fail(failed)
  return fail(refuse("NODE_START_FAILED", error instanceof Error ? (error.stack ?? error.message) : "unknown"))
})

// A pipe may take what was logged later (macOS).
await new Promise<void>((resolve) => process.stderr.write("", () => resolve()))
// Everything is closed: left to itself, the process would stay another second for a timer of libp2p's address manager that its stop() does not clear.
// oxlint-disable-next-line unicorn/no-process-exit
process.exit(exitStatus)
