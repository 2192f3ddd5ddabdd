import { cp, rm } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

/** Programs of the distribution, by the name of their file in `dist`; they find each other there (apps/node/src/program-path.ts). */
const programs = {
  keygrove: "packages/apps/cli/src/entry.js",
  node: "packages/apps/node/src/main.ts",
  keystore: "packages/apps/node/src/keystore/main.ts",
  "operator-worker": "packages/adapters/operators/src/worker/operator-worker.ts",
  quickstart: "scripts/quickstart/main.ts",
}

/** Add-ons stay outside: they load their prebuilt binaries from beside their own code. */
const external = [/^node:/, "sodium-native", "secp256k1/bindings.js", "@chainsafe/blst", "pkcs11js", "koffi"]

const root = fileURLToPath(new URL("..", import.meta.url))
/** Where to; tests build one of their own. */
const directory = process.argv[2] ?? `${root}dist`

// A bundle starts in a quarter of the time of the sources: a thousand modules need not be found and read one by one.
await rm(directory, { recursive: true, force: true })
const input = Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, root + path]))
await using bundle = await rolldown({ input, platform: "node", external, logLevel: "silent" })
await bundle.write({ dir: directory, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" })

// The page of the console, as browsers get it (packages/apps/console/src/assets.ts).
const page = `${root}packages/apps/console/src/page/`
await using pageBundle = await rolldown({ input: `${page}main.ts`, platform: "browser", logLevel: "silent" })
await pageBundle.write({ dir: `${directory}/console`, format: "esm", entryFileNames: "[name].js" })
for (const name of ["index.html", "console.css", "icon.svg"]) await cp(page + name, `${directory}/console/${name}`)
