import { spawn, spawnSync } from "node:child_process"
import { generateKeyPairSync, randomBytes, sign } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { startGrove, type Grove } from "../packages/apps/cli/src/grove/grove.ts"
import { expectKeygrove } from "../packages/apps/cli/src/grove/keygrove-process.ts"
import { buildPrograms, median } from "./programs.ts"
import { startSoftHsm } from "./contenders/soft-hsm.ts"

/** Samples of each side; they take turns, so that a slow moment of the machine slows all of them. */
const ROUNDS = 11
const SAMPLE_MS = 500
/** Clients at a time, each with one request under way. */
const CONNECTIONS: readonly number[] = [1, 8]
/** How many times the speed of ssh-agent is owed. */
const BAR = 3
/** About what ssh signs to log in. */
const MESSAGE_BYTES = 200

const LENGTH_BYTES = 4
const ED25519_NAME = Buffer.from("ssh-ed25519")
/** Message numbers of draft-ietf-sshm-ssh-agent §8.1. */
const MESSAGE = { requestIdentities: 11, identitiesAnswer: 12, signRequest: 13, signResponse: 14 } as const

interface Contender {
  readonly name: string
  /** Signatures a second when so many ask at once. */
  sample(connections: number): Promise<number>
}

/**
 * Ed25519 signatures a second by the protocol of ssh-agent, the same client for all. Ours is the real node with its keystore process, vault and audit
 * trail on the disk; OpenSSH's ssh-agent has the key in its own memory, GnuPG's gpg-agent reads it from a file, and neither keeps an account of its
 * use. SoftHSM is a library that a program loads: it signs in this process, through its module, without the ways between processes that the others have,
 * and keeps no account either; so does our backend over it. Beside them node:crypto in one process, which is the limit. Exit status 1 below the bar.
 */
async function main(): Promise<number> {
  const entry = buildPrograms()
  await using grove = await startGrove({ nodes: ["laptop"], readers: [], proxies: [], entry }, new AbortController().signal)
  await using stack = new AsyncDisposableStack()
  const contenders = [
    await startOurs(grove, entry, stack),
    await startOpenSsh(grove, stack),
    startGnuPg(grove, stack),
    ...(await startSoftHsm(grove.directory, stack)),
  ]
  const met: boolean[] = []
  for (const connections of CONNECTIONS) {
    const rates = await measure(contenders, connections)
    const [ours = Number.NaN, openSsh = Number.NaN] = rates
    const ratio = ours / openSsh
    const clients = connections === 1 ? "1 connection" : `${connections} connections`
    contenders.forEach(({ name }, index) => {
      print(`${name}, ${clients}`, rates[index] ?? Number.NaN, index === 0 ? `${ratio.toFixed(2)} × ssh-agent (bar ${BAR})` : "")
    })
    met.push(ratio >= BAR)
  }
  print("node:crypto in one process", nodeCryptoRate(), "the limit")
  return met.every(Boolean) ? 0 : 1
}

async function startOurs(grove: Grove, entry: string, stack: AsyncDisposableStack): Promise<Contender> {
  const { home } = grove.member("laptop")
  await expectKeygrove(["key", "add", "bench", "--type", "ed25519"], { home, entry, signal: new AbortController().signal })
  const socket = join(grove.directory, "keygrove.sock")
  await serve(process.execPath, [entry, "ssh-agent", "--socket", socket, "--home", home], stack)
  return agent("keygrove ssh-agent", socket)
}

/** Debian's own, in the foreground, with a key from ssh-keygen. */
async function startOpenSsh(grove: Grove, stack: AsyncDisposableStack): Promise<Contender> {
  const folder = join(grove.directory, "openssh")
  mkdirSync(folder, { mode: 0o700 })
  const [socket, key] = [join(folder, "agent.sock"), join(folder, "key")]
  await serve("ssh-agent", ["-D", "-a", socket], stack)
  expectDone("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
  expectDone("ssh-add", ["-q", key], { SSH_AUTH_SOCK: socket })
  return agent("ssh-agent", socket)
}

/** Debian's own, with a key without a passphrase, and its cache of keys as it comes. */
function startGnuPg(grove: Grove, stack: AsyncDisposableStack): Contender {
  const folder = join(grove.directory, "gnupg")
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(join(folder, "gpg-agent.conf"), "enable-ssh-support\n")
  const home = { GNUPGHOME: folder }
  // gpg starts the agent, in the background.
  stack.defer(() => void expectDone("gpgconf", ["--kill", "gpg-agent"], home))
  expectDone("gpg", ["--batch", "-q", "--passphrase", "", "--quick-gen-key", "bench", "ed25519", "sign", "never"], home)
  const grip = /^grp:+([0-9A-F]{40}):/m.exec(expectDone("gpg", ["--with-keygrip", "--with-colons", "-K"], home))?.[1]
  writeFileSync(join(folder, "sshcontrol"), `${grip ?? ""} 0\n`)
  const socket = expectDone("gpgconf", ["--list-dirs", "agent-ssh-socket"], home).trim()
  return agent("gpg-agent", socket)
}

function agent(name: string, socket: string): Contender {
  return { name, sample: async (connections) => await sample(socket, connections) }
}

/** Starts an agent and waits for the line that tells its socket. */
async function serve(command: string, args: readonly string[], stack: AsyncDisposableStack): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
  const ended = once(child, "exit")
  stack.defer(async () => {
    child.kill("SIGTERM")
    await ended
  })
  const serving = once(createInterface({ input: child.stdout }), "line").then(() => true)
  if (!(await Promise.race([serving, ended.then(() => false)]))) throw new Error(`${command} ${args.join(" ")} ended before it served`)
}

function expectDone(command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): string {
  const { error, status, stderr, stdout } = spawnSync(command, args, { encoding: "utf8", env: { ...process.env, ...environment } })
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`)
  return stdout
}

/** Median signatures a second of each contender; the first round warms up and is not counted. */
async function measure(contenders: readonly Contender[], connections: number): Promise<readonly number[]> {
  const samples = contenders.map((): number[] => [])
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, contender] of contenders.entries()) {
      const rate = await contender.sample(connections)
      if (round > 0) samples[index]?.push(rate)
    }
  }
  return samples.map(median)
}

/** Signatures a second of an agent that so many clients ask at once. */
async function sample(socketPath: string, connections: number): Promise<number> {
  using stack = new DisposableStack()
  const clients = Array.from({ length: connections }, () => stack.use(new Client(socketPath)))
  const keys = await Promise.all(clients.map(async (client) => await client.ed25519Key()))
  const start = performance.now()
  const end = start + SAMPLE_MS
  const counts = await Promise.all(clients.map(async (client, index) => await client.signUntil(end, keys[index] ?? Buffer.alloc(0))))
  return (1_000 * counts.reduce((sum, count) => sum + count, 0)) / (performance.now() - start)
}

/** One connection to an agent, one request at a time. */
class Client implements Disposable {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #next: PromiseWithResolvers<Buffer> = Promise.withResolvers()

  constructor(path: string) {
    this.#socket = connect({ path })
    this.#socket.on("error", (error) => this.#next.reject(error))
    this.#socket.on("close", () => this.#next.reject(new Error(`${path} hung up`)))
    this.#socket.on("data", (chunk: Buffer) => this.#take(chunk))
  }

  /** The first key, which must be Ed25519. */
  async ed25519Key(): Promise<Buffer> {
    const answer = await this.#ask(Buffer.of(MESSAGE.requestIdentities))
    // Number of the message, count of keys, then each key after its length.
    const start = 1 + LENGTH_BYTES + LENGTH_BYTES
    const key = answer.subarray(start, start + answer.readUInt32BE(1 + LENGTH_BYTES))
    if (answer[0] !== MESSAGE.identitiesAnswer || !key.includes(ED25519_NAME)) throw new Error("the agent's first key is not Ed25519")
    return key
  }

  /** Asks for signatures of one message after the other until a time on the clock of `performance`; how many there were. */
  async signUntil(end: number, key: Buffer): Promise<number> {
    const data = randomBytes(MESSAGE_BYTES)
    const request = Buffer.concat([Buffer.of(MESSAGE.signRequest), framed(key), framed(data), Buffer.alloc(LENGTH_BYTES)])
    const dataStart = request.length - LENGTH_BYTES - MESSAGE_BYTES
    for (let count = 0; ; count++) {
      if (performance.now() >= end) return count
      request.writeUInt32BE(count, dataStart)
      const answer = await this.#ask(request)
      if (answer[0] !== MESSAGE.signResponse) throw new Error("the agent refused to sign")
    }
  }

  [Symbol.dispose](): void {
    this.#next.promise.catch(() => undefined)
    this.#socket.destroy()
  }

  async #ask(body: Buffer): Promise<Buffer> {
    this.#next = Promise.withResolvers()
    this.#socket.write(framed(body))
    return await this.#next.promise
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    if (this.#received.length < LENGTH_BYTES) return
    const end = LENGTH_BYTES + this.#received.readUInt32BE()
    if (this.#received.length < end) return
    const message = this.#received.subarray(LENGTH_BYTES, end)
    this.#received = this.#received.subarray(end)
    this.#next.resolve(message)
  }
}

/** Bytes after their length. */
function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function nodeCryptoRate(): number {
  const { privateKey } = generateKeyPairSync("ed25519")
  const message = randomBytes(MESSAGE_BYTES)
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = performance.now()
    let count = 0
    for (; performance.now() < start + SAMPLE_MS / 4; count++) sign(null, message, privateKey)
    return (1_000 * count) / (performance.now() - start)
  })
  return median(rates)
}

function print(name: string, rate: number, remark = ""): void {
  process.stdout.write(`${`${name.padEnd(40)} ${rate.toFixed(0).padStart(7)}/s  ${remark}`.trimEnd()}\n`)
}

process.exitCode = await main()
