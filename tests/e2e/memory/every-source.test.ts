import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Secret, unwrap } from "@keygrove/base"
import { KEY_TYPES, keyTypeTraits, type KeyType } from "@keygrove/keys"
import { Keys } from "keygrove/rpc"
import { expect, test } from "vitest"
import { bareForms, nodeForms, type KeyForm } from "../../../packages/adapters/vault/src/material/key-forms.fixture.ts"
import { childrenOf, makeHome, makeStage, startNodeProcess, type NodeProcess, type TestHome } from "../node/node-process.ts"
import { canReadMemory, findInProcess } from "./process-memory.ts"
import { storedSecrets, vaultOf } from "./stored-secrets.ts"

const NAME = "vault"
const TEXT = randomBytes(100)
/** A variable is text in the process that passes it on, which is told to people (docs/protocol/keystore.md, "Keys of the configuration"). */
const WAS_TEXT = /\/env:1: hex$/

/** One key that is to be made, in one way. */
interface Plan {
  readonly id: string
  readonly type: KeyType
  readonly from: Parameters<Keys["add"]>[0]["from"] | { readonly variable: string }
  /** What a copy of its source would hold, beside the secret: its spelling. */
  readonly spelling?: Uint8Array
}

/** Below the order of every group, and unlike any other. */
function freshSecret(): Uint8Array {
  return Buffer.concat([Buffer.of(0x11), randomBytes(31)])
}

/** A key of every type in every form that is read: as it is, in digits, PEM, DER, JWK and OpenSSH. */
function everyForm(directory: string): readonly KeyForm[] {
  const bare = KEY_TYPES.flatMap((type) =>
    bareForms(type, freshSecret()).filter(({ form }) => ["raw", "hex", "base64", "base64url"].includes(form)),
  )
  const path = join(directory, "openssh")
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path])
  const openssh = { form: "OpenSSH", type: "ed25519", bytes: readFileSync(path), secret: new Uint8Array(0) } as const
  execFileSync("rm", [path])
  return [...bare, ...nodeForms(), openssh]
}

/** Every type from every source; the material is fresh for each, so that what is found says where it came from. */
function plansIn(directory: string): readonly Plan[] {
  const made = KEY_TYPES.flatMap((type): Plan[] => [
    { id: `${type}/generate`, type, from: "generate" },
    { id: `${type}/derive`, type, from: "derive" },
    { id: `${type}/env`, type, from: { variable: `KEYGROVE_MEMORY_${type.replace("-", "_").toUpperCase()}` } },
  ])
  const given = [everyForm(directory), everyForm(directory)].flatMap((forms, index) =>
    forms.map(({ bytes, form, type }, number): Plan => {
      const id = `${type}/${index === 0 ? "file" : "import"}/${form.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${number}`
      const path = join(directory, id.replaceAll("/", "-"))
      if (index === 0) writeFileSync(path, bytes, { mode: 0o600 })
      const from = index === 0 ? { file: path } : { secret: Secret.take(Uint8Array.from(bytes)) }
      return { id, type, from, ...(form === "raw" ? {} : { spelling: tailOf(bytes) }) }
    }),
  )
  return [...made, ...given]
}

/** A piece from where the secret is spelled: forms begin with what they have in common, and some end with the public key. */
function tailOf(bytes: Uint8Array): Uint8Array {
  const middle = Math.floor(bytes.length / 2)
  return Uint8Array.from(bytes.subarray(Math.max(0, middle - 16), middle + 16))
}

/** Every way in which the bytes of a secret could lie about. */
function formsOf(secrets: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  return new Map(
    [...secrets].flatMap(([name, secret]): [string, Uint8Array][] => {
      const bytes = Buffer.from(secret)
      return [
        [`${name}: bytes`, bytes.subarray(0, 16)],
        [`${name}: last bytes`, bytes.subarray(16)],
        [`${name}: reversed`, Buffer.from(bytes).reverse().subarray(0, 16)],
        [`${name}: hex`, Buffer.from(bytes.toString("hex"))],
        [`${name}: base64`, Buffer.from(bytes.toString("base64").slice(0, 42))],
        [`${name}: base64url`, Buffer.from(bytes.toString("base64url").slice(0, 42))],
      ]
    }),
  )
}

async function exercise(keys: Keys, { id, type }: Plan): Promise<void> {
  const { operations, signatures } = keyTypeTraits(type)
  for (const algorithm of signatures) await keys.sign(id, TEXT, { algorithm })
  if (operations.includes("mac")) await keys.mac(id, TEXT)
  if (operations.includes("encrypt")) await keys.decrypt(id, await keys.encrypt(id, TEXT))
  const { publicKey } = await keys.public(id)
  if (operations.includes("agree") && publicKey !== undefined) await keys.agree(id, publicKey)
}

async function startWith(home: TestHome, plans: readonly Plan[]): Promise<NodeProcess> {
  const variables = plans.flatMap(({ from, id, type }) =>
    typeof from === "object" && "variable" in from ? [{ id, type, name: from.variable }] : [],
  )
  const config: object = JSON.parse(readFileSync(home.file("config.json"), "utf8"))
  const keys = variables.map(({ id, name, type }) => ({ id, type, from: `env:${name}` }))
  writeFileSync(home.file("config.json"), JSON.stringify({ ...config, keys }))
  return await startNodeProcess(home, Object.fromEntries(variables.map(({ name }) => [name, Buffer.from(freshSecret()).toString("hex")])))
}

test.runIf(canReadMemory)(
  "no copy of any key, from any source, in the keystore or the daemon: after use, rotation, destruction and lock",
  { timeout: 300_000 },
  async () => {
    await using stage = await makeStage()
    const home = await makeHome(stage.directory, NAME)
    using vault = vaultOf(home, NAME)
    const plans = plansIn(stage.directory)
    await using node = await startWith(home, plans)
    const keys = new Keys(async (method, params) => unwrap(await node.call(method, params)))
    for (const { from, id, type } of plans)
      if (typeof from !== "object" || !("variable" in from)) await keys.add({ id, type, ...(from === undefined ? {} : { from }) })
    const [keystore = 0] = childrenOf(node.pid)
    const left = async (secrets: ReadonlyMap<string, Uint8Array>): Promise<readonly string[]> => {
      const spellings = plans.flatMap(({ id, spelling }) => (spelling === undefined ? [] : [[`${id}: spelling`, spelling] as const]))
      const patterns = new Map([...formsOf(secrets), ...spellings])
      const passedOn = [...patterns].filter(([name]) => !WAS_TEXT.test(name))
      const inDaemon = await findInProcess(node.pid, new Map(passedOn))
      return [...(await findInProcess(keystore, patterns)), ...inDaemon.map((each) => `daemon: ${each}`)]
    }
    // The scan must find what is there, in this process among as many patterns and in the keystore what it does hold, else finding nothing means nothing.
    const planted = formsOf(new Map(plans.map(({ id }) => [id, freshSecret()])))
    expect(new Set(await findInProcess(process.pid, planted))).toEqual(new Set(planted.keys()))
    const held = new Map([["vault", vault.sealing.expose((bytes) => Uint8Array.from(bytes))]])
    expect(await findInProcess(keystore, held)).toEqual(["vault"])
    expect(await findInProcess(node.pid, held)).toEqual([])

    for (const plan of plans) await exercise(keys, plan)
    const first = storedSecrets(home, vault)
    expect(first.size).toBe(plans.length)
    await expect.poll(async () => await left(first), { timeout: 90_000 }).toEqual([])

    for (const { id } of plans) await keys.rotate(id)
    for (const plan of plans) await exercise(keys, plan)
    const both = storedSecrets(home, vault)
    expect(both.size).toBe(2 * plans.length)
    await expect.poll(async () => await left(both), { timeout: 90_000 }).toEqual([])

    for (const { id } of plans) await keys.destroy(id)
    expect(storedSecrets(home, vault).size).toBe(0)
    await expect.poll(async () => await left(both), { timeout: 90_000 }).toEqual([])

    expect(readFileSync(`/proc/${keystore}/status`, "utf8")).toMatch(/^VmLck:\s+[1-9]/m)
    unwrap(await node.call("node.lock"))
    await expect.poll(() => childrenOf(node.pid)).toEqual([])
    const passedOn = [...formsOf(both), ...held].filter(([name]) => !WAS_TEXT.test(name))
    expect(await findInProcess(node.pid, new Map(passedOn))).toEqual([])
  },
)
