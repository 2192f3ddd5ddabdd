// Plain JavaScript, because the compile cache must be on before the first TypeScript file is read: with it, stripping and
// compiling cost nothing after the first run. The cache is the user's own; a shared one could be poisoned.
import { enableCompileCache } from "node:module"
import { homedir } from "node:os"
import { join } from "node:path"

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "keygrove", "compile")
enableCompileCache(cache)
// The programs that commands start take it from the environment.
process.env.NODE_COMPILE_CACHE ??= cache
const { main } = await import("./main.ts")
process.exitCode = await main(process.argv.slice(2))
