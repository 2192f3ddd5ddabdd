import { flushCompileCache } from "node:module"
import { Socket } from "node:net"
import type { DatabaseSync } from "node:sqlite"
import { parseArgs } from "node:util"
import { installSecretMemory, ok, unwrap, type CborValue, type Result } from "@keygrove/base"
import { lockedSecretMemory, nativePrimitives } from "@keygrove/curves-native"
import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import { createSealing } from "@keygrove/hpke"
import {
  bootSecretIn,
  encodeAnswer,
  encodeFrame,
  identityValue,
  offerPassphrase,
  readPassphrase,
  readUnlockSecret,
  serveKeystore,
  unlockKeystore,
  type BootSecretSource,
  type KeystoreTools,
  type SecretSource,
  type SourceOptions,
  type UnlockedKeystore,
} from "@keygrove/keystore"
import type { CeremonyOrder } from "@keygrove/keystore/ceremony"
import { operatorSettingShape } from "@keygrove/keys"
import type { OperatorWorkers } from "@keygrove/operators"
import { makeUndumpable, openReadable } from "@keygrove/posix"
import { openDatabase } from "@keygrove/sqlite"
import { systemRandom } from "@keygrove/system"
import { KeyVault, type KeyVariables } from "@keygrove/vault"
import * as v from "valibot"
import { operatorWorkerPath } from "../program-path.ts"
import { takeKeyVariables } from "./key-variables.ts"
import { bootKeyMode, tpmSealer } from "./boot-key.ts"
import { auditFile, keystoreFile } from "./keystore-files.ts"
import { openTokenKeys, tokenOptions, type TokenOptions } from "./token-keys.ts"
import { unlockByPieces } from "./unlock-by-pieces.ts"
import { unexpectedFailure } from "./unexpected-failure.ts"
import { newPassphraseSource, passphraseSource, recoverSource, wordsOptions, type WordsOptions } from "./words-options.ts"

const hpkeSealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })

/**
 * The keystore process: the only one with secrets. Inherits descriptor 3 (where the passphrase is), 4 (socket to whoever started it) and, for a
 * ceremony, those of words-options.ts. With `--locked`, pieces that come over the socket open it, and there is no descriptor 3. Ends, wiping, when that socket closes, on a signal, and on lock.
 */
const PASSPHRASE_DESCRIPTOR = 3
const SOCKET_DESCRIPTOR = 4

interface ProgramOptions {
  readonly mode: string
  readonly store: string
  /** Database of the audit trail; for `serve`, `recover` and `move`. */
  readonly audit: string
  readonly keyFile: string | undefined
  /** Where another keystore program hands the passphrase over; of `hand-over`, where this one does. */
  readonly passphraseSocket: string | undefined
  readonly name: string | undefined
  readonly wordsOut: string | undefined
  readonly words: WordsOptions
  readonly cluster: string | undefined
  /** Of `join`. */
  readonly invitation: string
  /** Of `administer`, `boot-key`, `move`, `recover`, `rekey`, `root` and `root-rekey`, in JSON. */
  readonly order: string
  /** Variables that hold keys of the configuration. */
  readonly variables: readonly string[]
  readonly token: TokenOptions | undefined
  /** Path of the boot key, made when pieces are first shared. */
  readonly bootKey: string | undefined
  /** Where the TPM is that the boot key may be sealed to. */
  readonly tcti: string
  /** Whether `serve` waits for pieces instead of a passphrase or key file. */
  readonly isLocked: boolean
  /** Operators of the configuration, in JSON; their modules' relative paths begin at `directory`. */
  readonly operators: string | undefined
  readonly directory: string
}

async function main(): Promise<void> {
  process.umask(0o077)
  const ending = new AbortController()
  for (const name of ["SIGTERM", "SIGHUP"] as const) process.on(name, () => ending.abort())
  // ^C reaches every process of a terminal; the one that started us ends us when it has finished what needs its keys.
  process.on("SIGINT", () => undefined)
  installSecretMemory(lockedSecretMemory({ warn: (code, message) => void process.stderr.write(`${code}: ${message}\n`) }))
  const options = readOptions()
  using variables = takeKeyVariables(options.variables)
  const socket = new Socket({ fd: SOCKET_DESCRIPTOR, readable: true, writable: true })
  socket.on("error", () => ending.abort())
  ending.signal.addEventListener("abort", () => socket.destroy())
  const tools: KeystoreTools = { primitives: nativePrimitives, sealing: hpkeSealing, random: systemRandom }
  try {
    // Only the variables, which have been here since the process began, come before: nothing of /proc/self can be opened afterwards.
    await closeToOthers()
    await perform(socket, tools, { ...options, taken: variables }, ending.signal)
  } catch (error) {
    await greetWithFailure(socket, unexpectedFailure(error, options.store))
  }
  socket.destroy()
}

async function perform(
  socket: Socket,
  tools: KeystoreTools,
  options: ProgramOptions & { readonly taken: KeyVariables },
  signal: AbortSignal,
): Promise<void> {
  if (options.mode === "ceremony") return await ceremony(socket, tools, options, signal)
  if (["root", "root-rekey"].includes(options.mode)) return await rootCeremony(socket, tools, options, signal)
  if (options.mode === "boot-key") return await send(socket, await bootKeyMode(options, tools, signal))
  if (options.mode === "hand-over") return await handOver(socket, options, signal)
  if (["administer", "join", "move", "recover", "rekey"].includes(options.mode)) return await treeCeremony(socket, tools, options, signal)
  return await serve(socket, tools, options, signal)
}

/** Nobody but root may look into this process from here on. Without that it works as well, after one warning. */
async function closeToOthers(): Promise<void> {
  if (await makeUndumpable()) return
  const warning =
    "the memory of the keystore is open to other programs of this user: the package koffi is missing or does not know this system"
  process.stderr.write(`KEYSTORE_READABLE: ${warning}; see docs/decisions/system-calls.md\n`)
}

async function serve(
  socket: Socket,
  tools: KeystoreTools,
  options: ProgramOptions & { readonly taken: KeyVariables },
  signal: AbortSignal,
): Promise<void> {
  // Wiped and closed in the reverse order, whatever ends the process in an orderly way.
  await using stack = new AsyncDisposableStack()
  const operators = await operatorsOf(options, signal)
  if (!operators.ok) return await greetWithFailure(socket, operators)
  const databases = openDatabases(options, stack)
  if (!databases.ok) return await greetWithFailure(socket, databases)
  const unlocked = await unlock(socket, { database: databases.value.keys, tools, options }, signal)
  if (!unlocked.ok) return await greetWithFailure(socket, unlocked)
  if (unlocked.value === undefined) return
  const { importKeys, keystore, movedTrail, tokenNamespace, vaultSecrets } = unlocked.value
  stack.use(vaultSecrets)
  stack.use(keystore)
  const { backends } = stack.use(await openTokenKeys(options.token, tokenNamespace))
  const { taken: variables } = options
  const trail = movedTrail === undefined ? {} : { movedTrail }
  const parts = { ...databases.value, ...trail, secrets: vaultSecrets, importKeys, variables, backends, ...running(operators.value) }
  const vault = KeyVault.open({ ...tools, now }, parts)
  if (!vault.ok) return await greetWithFailure(socket, vault)
  stack.use(vault.value)
  const settled = await vault.value.settle({ signal })
  if (!settled.ok) process.stderr.write(`${settled.code}: ${settled.message}\n`)
  // Ended before the vault closes, with all that runs on its secrets.
  stack.use(operators.value)
  flushCompileCache()
  await serveKeystore(socket, { keystore, keys: vault.value, ...running(operators.value) }, signal)
}

/** Reads and tries the modules before there is any secret; none unless the configuration names some. */
async function operatorsOf({ directory, operators }: ProgramOptions, signal: AbortSignal): Promise<Result<OperatorWorkers | undefined>> {
  if (operators === undefined) return ok(undefined)
  const settings = v.parse(v.array(operatorSettingShape), JSON.parse(operators))
  const { openOperators } = await import("@keygrove/operators")
  return await openOperators({ settings, directory, workerPath: operatorWorkerPath() }, { signal })
}

function running(operators: OperatorWorkers | undefined): { readonly operators?: OperatorWorkers } {
  return operators === undefined ? {} : { operators }
}

interface OpenDatabases {
  readonly keys: DatabaseSync
  readonly audit: DatabaseSync
}

function openDatabases({ audit: path, store }: ProgramOptions, stack: AsyncDisposableStack): Result<OpenDatabases> {
  const keys = openDatabase(keystoreFile(store))
  if (!keys.ok) return keys
  stack.adopt(keys.value, (open) => open.close())
  const audit = openDatabase(auditFile(path))
  if (!audit.ok) return audit
  stack.adopt(audit.value, (open) => open.close())
  return ok({ keys: keys.value, audit: audit.value })
}

async function unlock(
  socket: Socket,
  { database, options, tools }: { readonly database: DatabaseSync; readonly tools: KeystoreTools; readonly options: ProgramOptions },
  signal: AbortSignal,
): Promise<Result<UnlockedKeystore | undefined>> {
  const boot = bootSource(options, tools)
  if (options.isLocked) return await unlockByPieces(socket, { database, tools, boot }, signal)
  using asking = await askUntilOrphaned(socket, signal)
  const secret = await readUnlockSecret(sourceOf(options), asking)
  if (!secret.ok) return secret
  using unlockSecret = secret.value.secret
  return unlockKeystore(database, tools, { method: secret.value.method, secret: unlockSecret }, boot)
}

/** Where the boot key is; nothing of it is read yet. */
function bootSource({ bootKey, tcti }: ProgramOptions, { random }: KeystoreTools): BootSecretSource | undefined {
  return bootKey === undefined ? undefined : bootSecretIn(bootKey, { random, sealer: tpmSealer(tcti) })
}

function now(): Timestamp {
  return unwrap(decodeTimestamp(Date.now()))
}

async function ceremony(socket: Socket, tools: KeystoreTools, options: ProgramOptions, signal: AbortSignal): Promise<void> {
  // Only a ceremony needs the word list.
  const { holdCeremony } = await import("@keygrove/keystore/ceremony")
  const database = openDatabase(keystoreFile(options.store))
  if (!database.ok) return await greetWithFailure(socket, database)
  using stack = new DisposableStack()
  stack.adopt(database.value, (open) => open.close())
  const recover = recoverSource(options.words)
  const order: CeremonyOrder = {
    name: options.name ?? "",
    unlock: sourceOf(options),
    ...(options.wordsOut === undefined ? {} : { wordsOut: options.wordsOut }),
    ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    ...(recover === undefined ? {} : { recover }),
    ...passphraseSource(options.words),
  }
  using asking = await askUntilOrphaned(socket, signal)
  const outcome = await holdCeremony(database.value, tools, order, asking)
  if (!outcome.ok) return await greetWithFailure(socket, outcome)
  const { genesis, identity } = outcome.value
  await send(socket, { ok: true, value: { identity: identityValue(identity), genesis } })
}

/** What is done to the tree of nodes: an anchor signs, or a home becomes a child or gets its next epoch. */
async function treeCeremony(socket: Socket, tools: KeystoreTools, options: ProgramOptions, signal: AbortSignal): Promise<void> {
  const { administerMode, joinMode, rekeyMode } = await import("./tree-ceremonies.ts")
  const { recoverMode } = await import("./recover-ceremony.ts")
  const { moveMode } = await import("./succession-ceremonies.ts")
  const database = openDatabase(keystoreFile(options.store))
  if (!database.ok) return await greetWithFailure(socket, database)
  using stack = new DisposableStack()
  stack.adopt(database.value, (open) => open.close())
  const words = { ...recoverSource(options.words), ...passphraseSource(options.words) }
  const means = { database: database.value, tools, unlock: sourceOf(options), words }
  using asking = await askUntilOrphaned(socket, signal)
  const held = {
    administer: async () => await administerMode(means, options.order, asking),
    join: async () => await joinMode(means, options.invitation, asking),
    move: async () => await moveMode({ ...means, audit: options.audit }, options.order, asking),
    recover: async () => await recoverMode({ ...means, audit: options.audit }, options.order, asking),
    rekey: async () => await rekeyMode(means, options.order, asking),
  }
  const hold = new Map(Object.entries(held)).get(options.mode) ?? held.administer
  await send(socket, await hold())
}

/** What is done with the words of the root alone: no home is opened. */
async function rootCeremony(socket: Socket, tools: KeystoreTools, options: ProgramOptions, signal: AbortSignal): Promise<void> {
  const words = { ...recoverSource(options.words), ...passphraseSource(options.words) }
  const given = { argument: options.order, words }
  using asking = await askUntilOrphaned(socket, signal)
  if (options.mode === "root") {
    const { rootMode } = await import("./root-ceremony.ts")
    return await send(socket, await rootMode(tools, given, asking))
  }
  const { rootRekeyMode } = await import("./succession-ceremonies.ts")
  await send(socket, await rootRekeyMode(tools, { ...given, ...newPassphraseSource(options.words) }, asking))
}

/**
 * How to ask, with a signal that also fires when whoever started this process has gone, so that no question stays on a terminal that somebody else
 * uses by then. Before the greeting nothing comes over the socket but its end.
 */
async function askUntilOrphaned(socket: Socket, signal: AbortSignal): Promise<Disposable & SourceOptions> {
  const isReadable = await openReadable()
  const orphaned = new AbortController()
  const discard = (): void => void socket.read()
  const end = (): void => orphaned.abort()
  socket.on("readable", discard).once("end", end)
  return {
    ...(isReadable === undefined ? {} : { isReadable }),
    signal: AbortSignal.any([signal, orphaned.signal]),
    [Symbol.dispose]: () => void socket.off("readable", discard).off("end", end),
  }
}

/** Reads the passphrase of a node that runs, and gives it to the keystore that the node starts for it. Says when it can be come for, and then what came of it. */
async function handOver(socket: Socket, { passphraseSocket: path = "" }: ProgramOptions, signal: AbortSignal): Promise<void> {
  using asking = await askUntilOrphaned(socket, signal)
  const read = await readPassphrase({ kind: "descriptor", descriptor: PASSPHRASE_DESCRIPTOR }, asking)
  if (!read.ok) return await greetWithFailure(socket, read)
  using passphrase = read.value
  const onListening = (): void => void socket.write(encodeFrame(encodeAnswer(0, ok({ state: "offered" }))))
  const taken = await offerPassphrase(path, passphrase, { signal: asking.signal, onListening })
  await send(socket, taken.ok ? ok({ state: "taken" }) : taken)
}

function sourceOf({ keyFile, passphraseSocket }: ProgramOptions): SecretSource {
  if (keyFile !== undefined) return { kind: "key-file", path: keyFile }
  if (passphraseSocket !== undefined) return { kind: "socket", path: passphraseSocket }
  return { kind: "descriptor", descriptor: PASSPHRASE_DESCRIPTOR }
}

function readOptions(): ProgramOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      store: { type: "string" },
      audit: { type: "string" },
      "key-file": { type: "string" },
      "passphrase-socket": { type: "string" },
      name: { type: "string" },
      "words-out": { type: "string" },
      ...wordsOptions,
      cluster: { type: "string" },
      invitation: { type: "string" },
      order: { type: "string" },
      variable: { type: "string", multiple: true },
      "token-module": { type: "string" },
      "token-label": { type: "string" },
      "token-pin-file": { type: "string" },
      "boot-key": { type: "string" },
      "tpm-tcti": { type: "string" },
      locked: { type: "boolean" },
      operators: { type: "string" },
      directory: { type: "string" },
    },
  })
  const [mode = "serve"] = positionals
  return {
    mode,
    store: values.store ?? "",
    audit: values.audit ?? "",
    keyFile: values["key-file"],
    passphraseSocket: values["passphrase-socket"],
    name: values.name,
    wordsOut: values["words-out"],
    words: values,
    cluster: values.cluster,
    invitation: values.invitation ?? "",
    order: values.order ?? "",
    variables: values.variable ?? [],
    token: tokenOptions(values),
    bootKey: values["boot-key"],
    tcti: values["tpm-tcti"] ?? "",
    isLocked: values.locked === true,
    operators: values.operators,
    directory: values.directory ?? "",
  }
}

async function greetWithFailure(socket: Socket, failure: Result<never> | Result<unknown>): Promise<void> {
  if (!failure.ok) await send(socket, failure)
}

async function send(socket: Socket, answer: Result<CborValue>): Promise<void> {
  await new Promise<void>((resolve) => socket.end(encodeFrame(encodeAnswer(0, answer)), resolve))
}

await main()
