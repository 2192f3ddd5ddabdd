// `npm run quickstart [-- FILE] [-- --keep] [-- --json]`. Plain JavaScript for Node 20: installs what is missing, then runs
// scripts/quickstart/main.ts on the Node 24 that the installation brought.
import { spawn } from "node:child_process"
import { accessSync, constants, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const node24 = join(root, "node_modules", "node", "bin", "node")

/** Versions by path of a lockfile, or undefined when it is missing or broken. */
function lockedVersions(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages
  } catch {
    return undefined
  }
}

/** Whether node_modules holds what package-lock.json asks for; optional packages of other platforms may be absent. */
function isInstalled() {
  const wanted = lockedVersions(join(root, "package-lock.json"))
  const present = lockedVersions(join(root, "node_modules", ".package-lock.json"))
  if (wanted === undefined || present === undefined) return false
  const missing = Object.entries(wanted).filter(
    ([path, entry]) =>
      path.startsWith("node_modules/") && !entry.optional && !entry.peer && !entry.link && present[path]?.version !== entry.version,
  )
  return missing.length === 0 && isExecutable(node24)
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Runs a program to its end with this terminal; ^C reaches it as well, so it only needs to be waited for. */
function run(command, args, stdio = "inherit") {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio })
    const forward = (signal) => child.kill(signal)
    process.on("SIGTERM", forward).on("SIGINT", () => undefined)
    child.on("error", (error) => {
      console.error(`START_FAILED: ${command} cannot be started (${error.code}); install Node ≥ 20 with npm and try again`)
      done(1)
    })
    child.on("exit", (code) => {
      process.off("SIGTERM", forward)
      done(code ?? 1)
    })
  })
}

async function main() {
  const args = process.argv.slice(2)
  if (!isInstalled()) {
    const started = Date.now()
    console.error("installing packages (npm ci) …")
    const status = await run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], ["inherit", 2, 2])
    if (status !== 0) {
      console.error("INSTALL_FAILED: npm ci did not succeed; see its messages above and try again")
      return status
    }
    console.error(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  }
  // npm runs scripts in the checkout; a relative FILE means the directory the person is in.
  const from = process.env.INIT_CWD ?? process.cwd()
  const absolute = args.map((arg) => (arg.startsWith("-") ? arg : resolve(from, arg)))
  if (!absolute.some((arg) => !arg.startsWith("-"))) absolute.push(join(root, "README.md"))
  const built = await run(node24, [join(root, "scripts", "build.ts")])
  return built === 0 ? run(node24, [join(root, "dist", "quickstart.mjs"), ...absolute]) : built
}

process.exitCode = await main()
