import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { cp, mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeClusterId, decodeNodePath, deriveAnchor, deriveRoot } from "@keygrove/hierarchy"
import { moveNode, planRootRekey } from "@keygrove/node"
import { readHomeFacts } from "@keygrove/node/home-facts"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { entropyOfWords, seedOfWords } from "../../../packages/adapters/keystore/src/ceremony/words.ts"
import { processTree } from "../../../packages/apps/cli/src/grove/peak-memory.ts"
import { bundle } from "../bundle.ts"
import { missingTerminal, onTerminal } from "../terminal/terminal-session.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"

/** Everything that the commands can reach is in here: homes, the user's own directory, temporary files. */
const stage = { directory: "" }
const place = (name: string): string => join(stage.directory, name)
/** Programs of its own, so that those of other tests are not taken for what this one left. */
const programs = (): string => `${stage.directory}-programs/bundle`
const entry = (): string => join(programs(), "keygrove.mjs")

beforeAll(async () => {
  stage.directory = await mkdtemp(join(tmpdir(), "keygrove-remains-"))
  for (const name of ["user", "tmp", "work"]) await mkdir(place(name))
  await cp(bundle, programs(), { recursive: true })
  await symlink(fileURLToPath(new URL("../../../node_modules", import.meta.url)), `${stage.directory}-programs/node_modules`)
  await writeFile(place("passphrase"), "correct horse battery\n")
  await writeFile(place("of-words"), "Bäume im März\n")
})
afterAll(async () => {
  for (const directory of [stage.directory, `${stage.directory}-programs`]) await rm(directory, { recursive: true })
})

afterEach(() => vi.unstubAllEnvs())

async function keygrove(...args: readonly string[]): Promise<void> {
  const env = { ...process.env, HOME: place("user"), TMPDIR: place("tmp"), XDG_CACHE_HOME: place("user/cache") }
  await promisify(execFile)(process.execPath, [entry(), ...args], { cwd: place("work"), env })
}

/** Every way in which bytes could be spelled. Pieces, since a file may hold a secret across two pages. */
function formsOf(name: string, bytes: Buffer): readonly (readonly [string, Buffer])[] {
  return [
    [`${name}: first bytes`, bytes.subarray(0, 16)],
    [`${name}: last bytes`, bytes.subarray(-16)],
    [`${name}: reversed`, Buffer.from(bytes).reverse().subarray(0, 16)],
    [`${name}: hex`, Buffer.from(bytes.toString("hex").slice(0, 32))],
    [`${name}: upper-case hex`, Buffer.from(bytes.toString("hex").slice(0, 32).toUpperCase())],
    [`${name}: base64`, Buffer.from(bytes.toString("base64").slice(0, 20))],
    [`${name}: base64url`, Buffer.from(bytes.toString("base64url").slice(0, 20))],
    [`${name}: hex in UTF-16`, Buffer.from(bytes.toString("hex").slice(0, 16), "utf16le")],
    [`${name}: numbers`, Buffer.from([...bytes.subarray(0, 8)].join(","))],
  ]
}

/** Each three words that follow each other, in every spelling that a program has for a list. */
function formsOfWords(name: string, words: readonly string[]): readonly (readonly [string, Buffer])[] {
  return words.slice(0, -2).flatMap((_word, at): (readonly [string, Buffer])[] => {
    const three = words.slice(at, at + 3)
    return [
      [`${name}, word ${at + 1}: text`, Buffer.from(three.join(" "))],
      [`${name}, word ${at + 1}: upper case`, Buffer.from(three.join(" ").toUpperCase())],
      [`${name}, word ${at + 1}: UTF-16`, Buffer.from(three.join(" "), "utf16le")],
      [`${name}, word ${at + 1}: JSON`, Buffer.from(JSON.stringify(three).slice(1, -1))],
      [`${name}, word ${at + 1}: list`, Buffer.from(three.join(","))],
      [`${name}, word ${at + 1}: grid`, Buffer.from(`${at + 1}. ${words[at] ?? ""}`)],
    ]
  })
}

/** What gives the root back: its entropy, the seed of the words with and without the passphrase, s(root), and its anchor. */
function formsOfRoot(words: readonly string[], passphrase?: string): ReadonlyMap<string, Buffer> {
  using entropy = entropyOfWords(words)
  const seeds = [undefined, ...(passphrase === undefined ? [] : [Secret.take(Buffer.from(passphrase.normalize("NFKD")))])]
  const secrets = seeds.flatMap((given, index): (readonly [string, Buffer])[] => {
    using seed = seedOfWords(words, given)
    using root = deriveRoot(nativePrimitives, seed)
    using anchor = deriveAnchor(nativePrimitives, root)
    return [
      [`seed ${index}`, copied(seed)],
      [`s(root) ${index}`, copied(root)],
      [`anchor ${index}`, copied(anchor.seed)],
    ]
  })
  const bytes = [["entropy", copied(entropy)] as const, ...secrets].flatMap(([name, secret]) => formsOf(name, secret))
  return new Map([...bytes, ...formsOfWords("words", words)])
}

function copied(secret: Secret): Buffer {
  return secret.expose((bytes) => Buffer.from(bytes))
}

/** Names of what is found in any file below the stage, with the file. */
function findOnDisk(patterns: ReadonlyMap<string, Buffer>): readonly string[] {
  return readdirSync(stage.directory, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .flatMap((each) => {
      const path = join(each.parentPath, each.name)
      const content = readFileSync(path)
      return [...patterns].filter(([, pattern]) => content.includes(pattern)).map(([name]) => `${path}: ${name}`)
    })
}

/** Keystore processes of this test that have not ended. */
function keystoresLeft(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid).includes(join(programs(), "keystore.mjs")))
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return "" // Ended since it was listed.
  }
}

function wordsIn(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join(" ")
    .split(/[\s\d.]+/)
    .filter((word) => word !== "")
}

describe("what the commands of the root leave", () => {
  test.each([
    ["without a passphrase of the words", undefined, [] as readonly string[]],
    ["with one", "Bäume im März", ["--words-passphrase-file", "of-words"]],
  ])("nothing on disk rebuilds it, %s, and no process stays", { timeout: 300_000 }, async (name, passphrase, of) => {
    const option = of.map((each) => (each === "of-words" ? place(each) : each))
    const home = place(name.replaceAll(" ", "-"))
    const node = ["--name", "desk", "--rpc-port", "0", "--passphrase-file", place("passphrase"), ...option]
    await keygrove("init", "--home", home, ...node, "--words-out", place("words"))
    await keygrove("root", "verify", "--home", home, "--words-file", place("words"), ...option)
    const shares = ["-m", "2", "-n", "3", "--out", place("shares")]
    await keygrove("root", "shares", ...shares, "--home", home, "--words-file", place("words"), ...option)
    await keygrove("root", "words", "--home", home, "--shares-file", place("shares"), "--words-out", place("again"), ...option)
    await keygrove("init", "--recover", "--shares-file", place("shares"), "--home", `${home}-again`, ...node)
    await keygrove("root", "sheet", join(home, "sheet.svg"), "--home", home)
    expect(keystoresLeft()).toEqual([])

    const words = (await readFile(place("words"), "utf8")).trim().split(" ")
    const spelled = ["share-1-of-3.txt", "share-2-of-3.txt", "share-3-of-3.txt"].map((file) =>
      wordsIn(readFileSync(join(place("shares"), file), "utf8")),
    )
    expect(spelled.map((share) => share.length)).toEqual([33, 33, 33])
    const patterns = new Map([...formsOfRoot(words, passphrase), ...spelled.flatMap((share, at) => formsOfWords(`share ${at + 1}`, share))])
    // The scan must find what is there, in every form, before its finding nothing means anything.
    await writeFile(place("tmp/planted"), Buffer.concat([...patterns.values()]))
    expect(findOnDisk(patterns).filter((found) => found.startsWith(place("tmp/planted")))).toHaveLength(patterns.size)
    expect(findOnDisk(patterns).filter((found) => found.startsWith(place("words"))).length).toBeGreaterThan(20)
    for (const file of ["tmp/planted", "words", "again", "shares"]) await rm(place(file), { recursive: true })
    expect(findOnDisk(patterns)).toEqual([])
  })

  test("nothing on disk rebuilds a root that was replaced, the one after it, or its moving code", { timeout: 300_000 }, async () => {
    for (const name of ["HOME", "TMPDIR"]) vi.stubEnv(name, place(name === "HOME" ? "user" : "tmp"))
    const call = { signal: AbortSignal.timeout(600_000) }
    const home = place("replaced")
    await keygrove(
      "init",
      "--home",
      home,
      "--name",
      "desk",
      "--rpc-port",
      "0",
      "--passphrase-file",
      place("passphrase"),
      "--words-out",
      place("words"),
    )
    const { cluster, path } = unwrap(readHomeFacts(home))
    const order = { cluster: unwrap(decodeClusterId(cluster)), nodes: [unwrap(decodeNodePath(path))], ledger: "/ip4/127.0.0.1/tcp/1" }
    const files = { wordsOut: place("newer"), codeOut: place("code") }
    await using words = await open(place("words"))
    const plan = unwrap(await planRootRekey({ ...order, ...files }, { wordsSource: words.fd }, call))
    await using code = await open(place("code"))
    await using passphrase = await open(place("passphrase"))
    const move = { invitation: plan.invitations[0]?.invitation ?? "", chain: [plan.replaced, ...plan.entries] }
    unwrap(await moveNode(home, move, { wordsSource: code.fd, passphraseSource: passphrase.fd }, call))

    const [old, newer, spoken] = ["words", "newer", "code"].map((name) => readFileSync(place(name), "utf8").trim().split(" "))
    const named = (name: string, forms: Iterable<readonly [string, Buffer]>): readonly (readonly [string, Buffer])[] =>
      [...forms].map(([form, bytes]) => [`${name} ${form}`, bytes])
    const patterns = new Map([
      ...named("old", formsOfRoot(old ?? [])),
      ...named("new", formsOfRoot(newer ?? [])),
      ...formsOfWords("code", spoken ?? []),
    ])
    expect(patterns.size).toBeGreaterThan(300)
    for (const file of ["words", "newer", "code"]) {
      expect(findOnDisk(patterns).filter((found) => found.startsWith(place(file))).length).toBeGreaterThan(3)
      await rm(place(file))
    }
    expect(findOnDisk(patterns)).toEqual([])
  })

  test.runIf(canReadMemory && missingTerminal() === undefined)(
    "the command line never holds the words, and the process that does ends with its window",
    async () => {
      const home = place("held")
      await keygrove("init", "--home", home, "--rpc-port", "0", "--passphrase-file", place("passphrase"), "--words-out", place("words"))
      const words = (await readFile(place("words"), "utf8")).trim().split(" ")
      const patterns = new Map(formsOfWords("words", words).filter(([, bytes]) => bytes.length >= 12 && bytes.length <= 64))
      const args = ["root", "shares", "-m", "2", "-n", "2", "--home", home, "--words-file", place("words")]
      const session = onTerminal(process.execPath, [entry(), ...args])
      await session.see(/ready to write down share 1/)
      const running = processTree(session.pid).filter((pid) => commandLine(pid).includes(programs()))
      const [keystore = 0] = running.filter((pid) => commandLine(pid).includes("keystore.mjs"))
      const [command = 0] = running.filter((pid) => pid !== keystore)
      expect(await findInProcess(command, patterns)).toEqual([])
      expect((await findInProcess(keystore, patterns)).length).toBeGreaterThan(0)
      session.signal("SIGTERM")
      await session.ended
      await expect.poll(keystoresLeft).toEqual([])
      await session[Symbol.asyncDispose]()
    },
  )
})
