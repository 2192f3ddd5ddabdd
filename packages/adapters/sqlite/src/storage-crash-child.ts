import { flushCompileCache } from "node:module"
import { unwrap } from "@keygrove/base"
import { SqliteStorage } from "./storage.ts"

/** Writes numbered pairs of records until it is killed, and says on standard output which pair was acknowledged. Run by storage.test.ts. */
async function writeForEver(path: string, first: number): Promise<never> {
  await using storage = unwrap(SqliteStorage.open({ path }))
  const signal = new AbortController().signal
  for (let number = first; ; number++) {
    const value = { number, filler: new Uint8Array((number % 40) * 1000) }
    const pair = (["receipt", "fragment"] as const).map(
      (collection) => ({ kind: "put", collection, key: String(number % 50), value }) as const,
    )
    unwrap(await storage.write(pair, { signal }))
    process.stdout.write(`${number}\n`)
  }
}

// A killed process never writes its cache, if the environment asks for one.
flushCompileCache()
const [path = "", first = "0"] = process.argv.slice(2)
await writeForEver(path, Number(first))
