// Encrypts a file, grants it to a reader for a day and takes it back. Needs a running node (`keygrove dev` makes one).
//
//   node examples/share-a-file.ts FILE kg1…
import { once } from "node:events"
import { createReadStream, createWriteStream } from "node:fs"
import { createInterface } from "node:readline/promises"
import { pipeline } from "node:stream/promises"
import { Keygrove } from "keygrove"

const [file, reader] = process.argv.slice(2)
if (file === undefined || reader === undefined) throw new TypeError("usage: share-a-file.ts FILE kg1…")

const interruption = new AbortController()
process.once("SIGINT", () => interruption.abort())
const { signal } = interruption

await using grove = await Keygrove.connect({ signal })
const label = "examples/shared"

const input = createReadStream(file)
await once(input, "ready", { signal })
await pipeline(await grove.encrypt(input, { label, signal }), createWriteStream(`${file}.kg`, { flags: "wx" }), { signal })
console.log(`${file}.kg is ready to be sent anywhere`)

const policy = await grove.grant({ label, to: reader, threshold: 2, shares: 3, expires: new Date(Date.now() + 86_400_000) }, { signal })
console.log(`until ${policy.expires.toISOString()} the reader can open it: keygrove decrypt ${file}.kg`)

const terminal = createInterface({ input: process.stdin, output: process.stdout })
await terminal.question("Enter takes the grant back. ", { signal })
terminal.close()
await grove.revoke(policy.id, { signal })
console.log("revoked: the proxies no longer help")
