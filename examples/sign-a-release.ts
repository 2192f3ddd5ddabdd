// Makes a key in the node's keystore, signs a file with it, and prints what others need to check the signature. The key itself stays where it is. Needs a
// running node (`keygrove dev` makes one).
//
//   node examples/sign-a-release.ts FILE
import { createPublicKey, verify } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { Keygrove } from "keygrove"

const [file] = process.argv.slice(2)
if (file === undefined) throw new TypeError("usage: sign-a-release.ts FILE")

const interruption = new AbortController()
process.once("SIGINT", () => interruption.abort())
const { signal } = interruption

await using grove = await Keygrove.connect({ signal })
const id = "examples/release"

// "Make sure that it exists": the same key the next time.
const { created } = await grove.keys.add({ id, type: "ed25519", rules: { perMinute: 60 } }, { signal })
console.log(created ? `${id} was made` : `${id} was there already`)

const content = await readFile(file, { signal })
const { signature, version } = await grove.keys.sign(id, content, { signal })
await writeFile(`${file}.sig`, signature, { flag: "wx", signal })
console.log(`${file}.sig holds the signature of version ${version}`)

// Anybody with the public key can check it, without Keygrove.
const { publicKey } = await grove.keys.public(id, { version, signal })
const x = Buffer.from(publicKey ?? []).toString("base64url")
const theirs = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" })
if (!verify(null, content, theirs, signature)) throw new Error("the signature does not hold")
console.log(theirs.export({ format: "pem", type: "spki" }).toString())

for await (const use of grove.keys.audit({ signal }))
  if (use.key === id) console.log(`${use.at.toISOString()} ${use.caller} ${use.action} ${use.outcome}`)
