import { spawn, spawnSync } from "node:child_process"
import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { DatabaseSync } from "node:sqlite"
import { unwrap } from "@keygrove/base"
import { decodeKeyId, type KeyId } from "@keygrove/keys"
import { spawnKeystore, type KeystoreProcess } from "@keygrove/keystore"
import { MAX_KEY_SLICE, type KeyCall } from "@keygrove/service"
import { Keygrove } from "keygrove"
import { startGrove, type Grove } from "../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove } from "../packages/apps/cli/src/grove/keygrove-process.ts"
import { buildPrograms, median } from "./programs.ts"

const KEYS = 10_000
/** Longest that opening a store with so many keys may take, from starting the process to its greeting. */
const OPEN_BAR_MS = 300
/** Longest that reading one key's public part may take. */
const READ_BAR_MS = 1
/** Starts of each contender; they take turns, so that a slow moment of the machine slows all of them. */
const STARTS = 15
const READS = 3_000
/** Registrations under way at once while the store is filled. */
const FILLERS = 64
/** Keys of ssh-agent: it has no store, so opening means to read as many files and hand it each; a tenth is enough to see. */
const SSH_KEYS = 1_000

const call: KeyCall = { caller: "node", signal: new AbortController().signal }
const idOf = (index: number): KeyId => unwrap(decodeKeyId(`bench/${index % 100}/${index}`))

/**
 * Opening a store of 10,000 keys, and reading one key's public part. Opening is what a node does at every start: the process, unlocking by a key file,
 * the node's record and the head of the audit trail authenticated; the record of a key is authenticated when it is read. A passphrase adds Argon2id,
 * which is meant to take its time. Beside ours: the same store without keys, a bare Node, ssh-agent and gpg-agent of Debian, and SQLite alone.
 * Exit status 1 below a bar.
 */
async function main(): Promise<number> {
  const entry = buildPrograms()
  await using grove = await startGrove({ nodes: ["laptop", "empty"], readers: [], proxies: [], entry }, call.signal)
  for (const name of ["laptop", "empty"]) await expectKeygrove(["down"], { home: grove.member(name).home, entry, signal: call.signal })
  await fill(grove, entry)
  const opened = await measureOpening(grove, entry)
  const read = await measureReading(grove, entry)
  return opened <= OPEN_BAR_MS && read <= READ_BAR_MS ? 0 : 1
}

/** Starts the keystore process of a member as its node does. */
async function openKeystore(grove: Grove, entry: string, name: string): Promise<KeystoreProcess> {
  const { home } = grove.member(name)
  const stores = [
    "--store",
    join(home, "keystore.db"),
    "--audit",
    join(home, "audit.db"),
    "--key-file",
    join(grove.directory, `${name}.key`),
  ]
  const args = ["--report-exclude-env", join(entry, "..", "keystore.mjs"), "serve", ...stores]
  return unwrap(await spawnKeystore({ command: process.execPath, args }, call))
}

async function fill(grove: Grove, entry: string): Promise<void> {
  await using child = await openKeystore(grove, entry, "laptop")
  const { keys } = child.keystore
  let next = 0
  const filler = async (): Promise<void> => {
    while (next < KEYS) unwrap(await keys.register({ id: idOf(next++), type: "ed25519", source: { kind: "generate" } }, call))
  }
  await Promise.all(Array.from({ length: FILLERS }, filler))
}

interface Opening {
  readonly name: string
  /** Measured until it resolves; what it gives is ended outside of the measurement. */
  readonly open: () => Promise<AsyncDisposable>
}

async function measureOpening(grove: Grove, entry: string): Promise<number> {
  // As the command line sets it for the programs that it starts.
  process.env["NODE_COMPILE_CACHE"] = join(grove.directory, "compile-cache")
  const files = sshKeyFiles(join(grove.directory, "ssh"))
  const contenders: readonly Opening[] = [
    { name: `keygrove, ${KEYS} keys`, open: async () => await openKeystore(grove, entry, "laptop") },
    { name: "keygrove, no keys", open: async () => await openKeystore(grove, entry, "empty") },
    { name: "node -e 0", open: async () => await bareNode() },
    { name: `ssh-agent and ssh-add, ${SSH_KEYS} keys`, open: async () => await openSshAgent(join(grove.directory, "ssh.sock"), files) },
  ]
  const samples = contenders.map((): number[] => [])
  for (let round = 0; round <= STARTS; round++) {
    for (const [index, contender] of contenders.entries()) {
      const start = performance.now()
      await using _opened = await contender.open()
      // The first round fills the caches and is not counted.
      if (round > 0) samples[index]?.push(performance.now() - start)
    }
  }
  contenders.forEach(({ name }, index) => print(`open: ${name}`, samples[index] ?? [], index === 0 ? `bar ${OPEN_BAR_MS} ms` : ""))
  return median(samples[0] ?? [])
}

/** Reads of one key at random, one after the other. */
async function measureReading(grove: Grove, entry: string): Promise<number> {
  const database = new DatabaseSync(join(grove.member("laptop").home, "keystore.db"), { readOnly: true })
  const row = database.prepare("SELECT entry, proof FROM named_key WHERE id = ?")
  const limit = await timesOf(() => row.get(randomId()))
  database.close()
  const ipc: number[] = []
  {
    await using child = await openKeystore(grove, entry, "laptop")
    ipc.push(...(await timesOf(async () => unwrap(await child.keystore.keys.find(randomId(), call)))))
    const start = performance.now()
    let listed = 0
    for (let after: KeyId | undefined; ;) {
      const slice = unwrap(await child.keystore.keys.list({ limit: MAX_KEY_SLICE, ...(after === undefined ? {} : { after }) }, call))
      if (slice.length === 0) break
      listed += slice.length
      after = slice.at(-1)?.id
    }
    print(`read: all ${listed} keys, each record authenticated`, [performance.now() - start])
  }
  const { home } = grove.member("laptop")
  await expectKeygrove(["up", "--detach", "--key-file", join(grove.directory, "laptop.key")], { home, entry, signal: call.signal })
  await using sdk = await Keygrove.connect({ home })
  const daemon = await timesOf(async () => await sdk.keys.public(randomId()))
  print("read: keygrove, through the daemon", daemon, `bar ${READ_BAR_MS} ms`)
  print("read: keygrove, through the keystore's socket", ipc)
  print("read: gpg-agent, READKEY", await gpgReads(join(grove.directory, "gnupg")), "one key of one")
  print("read: SQLite in one process, nothing checked", limit, "the limit")
  return median(daemon)
}

function randomId(): KeyId {
  return idOf(Math.floor(Math.random() * KEYS))
}

async function timesOf(work: () => unknown): Promise<readonly number[]> {
  const times: number[] = []
  for (let read = -READS / 10; read < READS; read++) {
    const start = performance.now()
    await work()
    // The first tenth warms up.
    if (read >= 0) times.push(performance.now() - start)
  }
  return times
}

async function bareNode(): Promise<AsyncDisposable> {
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit")
  return { [Symbol.asyncDispose]: async () => undefined }
}

/** Keys without a passphrase in files as OpenSSH reads them. */
function sshKeyFiles(directory: string): readonly string[] {
  mkdirSync(directory, { mode: 0o700 })
  return Array.from({ length: SSH_KEYS }, (_, index) => {
    const path = join(directory, `key-${index}`)
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 })
    return path
  })
}

async function openSshAgent(socket: string, files: readonly string[]): Promise<AsyncDisposable> {
  const child = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "exit")
  await once(createInterface({ input: child.stdout }), "line")
  const { status, stderr } = spawnSync("ssh-add", ["-q", ...files], { encoding: "utf8", env: { ...process.env, SSH_AUTH_SOCK: socket } })
  if (status !== 0) throw new Error(`ssh-add failed: ${stderr}`)
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM")
      await ended
    },
  }
}

/** What gpg-agent takes to give the public part of one key, over its own socket. */
async function gpgReads(directory: string): Promise<readonly number[]> {
  mkdirSync(directory, { mode: 0o700 })
  const environment = { ...process.env, GNUPGHOME: directory }
  const gpg = (command: string, args: readonly string[]): string => spawnSync(command, args, { encoding: "utf8", env: environment }).stdout
  gpg("gpg", ["--batch", "-q", "--passphrase", "", "--quick-gen-key", "bench", "ed25519", "sign", "never"])
  const grip = /^grp:+([0-9A-F]{40}):/m.exec(gpg("gpg", ["--with-keygrip", "--with-colons", "-K"]))?.[1] ?? ""
  const socket = connect(gpg("gpgconf", ["--list-dirs", "agent-socket"]).trim())
  try {
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
    await lines.next()
    return await timesOf(async () => {
      socket.write(`READKEY ${grip}\n`)
      for (let line = await lines.next(); line.value !== "OK"; line = await lines.next())
        if (line.done === true || String(line.value).startsWith("ERR")) throw new Error(`gpg-agent refused: ${String(line.value)}`)
    })
  } finally {
    socket.destroy()
    gpg("gpgconf", ["--kill", "gpg-agent"])
  }
}

function print(name: string, times: readonly number[], remark = ""): void {
  const at = (share: number): string => (times.toSorted((a, b) => a - b)[Math.floor(share * (times.length - 1))] ?? Number.NaN).toFixed(3)
  process.stdout.write(`${`${name.padEnd(52)} ${at(0.5).padStart(9)} ms  p99 ${at(0.99).padStart(9)} ms  ${remark}`.trimEnd()}\n`)
}

process.exitCode = await main()
