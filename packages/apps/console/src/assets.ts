import { readdir, readFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"

/** One file as a browser gets it. */
export interface ConsoleAsset {
  /** For `content-type`. */
  readonly type: string
  readonly body: Buffer
}

const TYPES: Readonly<Partial<Record<string, string>>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".js": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8",
}

/** Modules of others that the page imports, by the name that it imports and that it is given. The decoder imports the first as `./index.js`. */
const FOREIGN_MODULES: readonly (readonly [name: string, path: string])[] = [
  ["qr", "qr/index.js"],
  ["qr/decode.js", "qr/decode.js"],
]

/**
 * Every file of the page, by its path below the console's. All of them are read once: a request names a key of this map, and never a file.
 * A distribution has the bundle of `npm run build` beside its programs; a checkout has the sources, of which only the types are taken off.
 */
export async function openConsoleAssets(): Promise<ReadonlyMap<string, ConsoleAsset>> {
  const isSource = import.meta.url.endsWith(".ts")
  const directory = fileURLToPath(new URL(isSource ? "./page/" : "./console/", import.meta.url))
  const names = (await readdir(directory, { recursive: true })).filter((name) => TYPES[extname(name)] !== undefined)
  const own = names.filter((name) => !name.endsWith(".test.ts"))
  const assets = await Promise.all(own.map(async (name) => [name, assetOf(name, await readFile(`${directory}${name}`))] as const))
  return new Map([...assets, ...(isSource ? await foreignAssets() : [])])
}

async function foreignAssets(): Promise<readonly (readonly [string, ConsoleAsset])[]> {
  const modules = FOREIGN_MODULES.map(async ([name, path]) => {
    return [path, assetOf(path, await readFile(fileURLToPath(import.meta.resolve(name))))] as const
  })
  // What the page names is what the bundle is called.
  const start = Buffer.from('import "./main.ts"\n')
  return [["main.js", assetOf("main.js", start)], ...(await Promise.all(modules))]
}

function assetOf(name: string, file: Buffer): ConsoleAsset {
  const extension = extname(name)
  const body = extension === ".ts" ? Buffer.from(withPaths(stripTypeScriptTypes(file.toString("utf8")))) : file
  return { type: TYPES[extension] ?? "application/octet-stream", body }
}

/** A browser knows no packages: their names become paths. */
function withPaths(source: string): string {
  return FOREIGN_MODULES.reduce((text, [name, path]) => text.replaceAll(` from "${name}"`, ` from "/console/${path}"`), source)
}
