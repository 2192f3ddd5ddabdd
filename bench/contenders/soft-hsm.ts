import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ok, Secret, unwrap, utf8 } from "@keygrove/base"
import { decodeKeyId } from "@keygrove/keys"
import { Pkcs11Backend, Token } from "@keygrove/pkcs11"
import type { HeldKey, NewKey } from "@keygrove/service"
import { run } from "../programs.ts"

/** Signatures a second of a token. */
export interface TokenContender {
  readonly name: string
  sample(connections: number): Promise<number>
}

const MODULES = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"]
const [LABEL, PIN] = ["bench", "12345678"]
const SAMPLE_MS = 500
const MESSAGE_BYTES = 200
const CKM_EDDSA = 0x1057
const SERIAL_SESSION = 4
const call = { signal: new AbortController().signal }

/** SoftHSM with a token of its own, asked through its module as fast as it answers, and through our backend. */
export async function startSoftHsm(directory: string, stack: AsyncDisposableStack): Promise<readonly TokenContender[]> {
  const module = MODULES.find((path) => existsSync(path))
  if (module === undefined) throw new Error(`SoftHSM's module is in none of ${MODULES.join(", ")}`)
  const tokens = join(directory, "tokens")
  mkdirSync(tokens, { mode: 0o700 })
  const configuration = join(directory, "softhsm2.conf")
  writeFileSync(configuration, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env["SOFTHSM2_CONF"] = configuration
  run("softhsm2-util", ["--init-token", "--free", "--label", LABEL, "--so-pin", PIN, "--pin", PIN])
  const token = stack.use(new Token({ module, label: LABEL, readPin: () => ok(Secret.take(utf8(PIN))) }))
  const backend = new Pkcs11Backend({ token, namespace: new Uint8Array(8), random: (length) => Uint8Array.from(randomBytes(length)) })
  const fresh: NewKey = { id: unwrap(decodeKeyId("bench")), type: "ed25519", version: 1 }
  const key: HeldKey = { ...fresh, ...unwrap(await backend.create(fresh, call)) }
  return [
    { name: "SoftHSM's module", sample: async (connections) => await sampleModule(token, connections) },
    { name: "keygrove's backend over it", sample: async (connections) => await sampleBackend(backend, key, connections) },
  ]
}

/** One session calls it straight, which is fastest; several are on threads of their own. */
async function sampleModule(token: Token, connections: number): Promise<number> {
  const { cryptoki, handle } = unwrap(await token.run("lend", async (session) => ok(session), call))
  cryptoki.C_FindObjectsInit(handle, [{ type: 0, value: 3 }])
  const [object = Buffer.alloc(8)] = cryptoki.C_FindObjects(handle, 1)
  cryptoki.C_FindObjectsFinal(handle)
  const slot = cryptoki.C_GetSessionInfo(handle).slotID
  const sessions = Array.from({ length: connections }, () => cryptoki.C_OpenSession(slot, SERIAL_SESSION))
  const out = sessions.map(() => Buffer.alloc(64))
  const signed = await rate(connections, async (index, message) => {
    const [session = handle, target = Buffer.alloc(64)] = [sessions[index], out[index]]
    cryptoki.C_SignInit(session, { mechanism: CKM_EDDSA }, object)
    if (connections === 1) cryptoki.C_Sign(session, message, target)
    else await cryptoki.C_SignAsync(session, message, target)
  })
  for (const session of sessions) cryptoki.C_CloseSession(session)
  return signed
}

async function sampleBackend(backend: Pkcs11Backend, key: HeldKey, connections: number): Promise<number> {
  return await rate(connections, async (_index, message) => void unwrap(await backend.sign(key, { message, algorithm: "ed25519" }, call)))
}

/** How often a second so many callers, each with one request under way, are served. */
async function rate(connections: number, sign: (index: number, message: Buffer) => Promise<void>): Promise<number> {
  const start = performance.now()
  const counts = await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      const message = randomBytes(MESSAGE_BYTES)
      for (let count = 0; ; count++) {
        if (performance.now() >= start + SAMPLE_MS) return count
        message.writeUInt32BE(count, MESSAGE_BYTES - 4)
        await sign(index, message)
      }
    }),
  )
  return (1_000 * counts.reduce((sum, count) => sum + count, 0)) / (performance.now() - start)
}
