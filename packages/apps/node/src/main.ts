import { flushCompileCache } from "node:module"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { KeygroveError, refuse, type Refusal } from "@keygrove/base"
import { openPeerCredentials } from "@keygrove/posix"
import { systemClock, systemRandom } from "@keygrove/system"
import { ConsoleDesk } from "./console/console-desk.ts"
import { fileFailure } from "./home/file-failure.ts"
import { generatedWarning } from "./home/unlock-means.ts"
import { holdHome } from "./node-runtime.ts"
import { Herald, notifyManager } from "./phases/herald.ts"
import { NodePhases } from "./phases/node-phases.ts"
import { serveRpc } from "./rpc/server.ts"
import type { KeystoreSources } from "./runtime/open-keystore.ts"

/** The node program: `--home DIR [--key-file FILE | --passphrase-inherited | --locked | --pieces | --delegated]`, the passphrase's source being descriptor 3. Started by `keygrove up`. */
const PASSPHRASE_DESCRIPTOR = 3

async function main(): Promise<number> {
  process.umask(0o077)
  const values = readArguments()
  const ending = new AbortController()
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => ending.abort())
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>()
  ending.signal.addEventListener("abort", () => end(undefined))
  const held = holdHome(values.home ?? "")
  if (!held.ok) return await fail(held)
  using _held = held.value
  const { config, home } = held.value
  for (const warning of generatedWarning(home.directory, config)) log(`warning: ${warning}`)
  // Loaded while the keystore process starts.
  const peerOf = openPeerCredentials()
  const herald = new Herald({ log, ending: ending.signal })
  await using phases = new NodePhases({ home, peerOf, log, onChange: () => herald.look() })
  const others = values.pieces === true ? "pieces" : values.delegated === true ? "delegated" : undefined
  const waits = values.locked === true || others !== undefined
  if (!waits) {
    const started = await phases.unlock(sourcesOf(values), { signal: ending.signal })
    if (!started.ok) return await fail(started)
  }
  const isLocked = (): boolean => phases.state !== "serving"
  const console = new ConsoleDesk({ port: config.rpcPort, clock: systemClock, randomBytes: systemRandom, isLocked, log })
  const served = await serveRpc({
    home,
    port: config.rpcPort,
    methods: { home, phases, console, startedAt: Date.now(), stop: () => setImmediate(() => ending.abort()) },
    users: config.rpcUsers ?? [],
    console,
    peerOf: await peerOf,
    clock: systemClock,
    log,
  })
  if (!served.ok) return await fail(served)
  await using _rpc = served.value
  if (others !== undefined) phases.unlockByOthers(others)
  await herald.begin(phases, console)
  // Written at the end otherwise, which is too late for the nodes that start meanwhile, and never comes when this one is killed.
  flushCompileCache()
  await ended
  await notifyManager({ STOPPING: "1", STATUS: "stopping" }, log)
  return 0
}

function sourcesOf(values: Arguments): KeystoreSources {
  const keyFile = values["key-file"]
  return {
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(values["passphrase-inherited"] === true ? { passphraseSource: PASSPHRASE_DESCRIPTOR } : {}),
  }
}

interface Arguments {
  readonly home?: string
  readonly "key-file"?: string
  readonly "passphrase-inherited"?: boolean
  /** Whether to wait for `keygrove unlock`. */
  readonly locked?: boolean
  /** Whether to ask the peers. */
  readonly pieces?: boolean
  /** Whether to ask the proxies of a grant. */
  readonly delegated?: boolean
}

function readArguments(): Arguments {
  // Descriptor 3 has to be announced: where none was inherited, it is one of the runtime's own.
  return parseArgs({
    options: {
      home: { type: "string" },
      "key-file": { type: "string" },
      "passphrase-inherited": { type: "boolean" },
      locked: { type: "boolean" },
      pieces: { type: "boolean" },
      delegated: { type: "boolean" },
    },
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
