import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

/** Bars of an installed checkout. */
const LIMIT_MS = 20_000
const LIMIT_BYTES = 250 * 1024 * 1024

const script = fileURLToPath(new URL("../scripts/quickstart.mjs", import.meta.url))

/** Runs the quickstart once and prints its time and the peak memory of any of its processes; exit status 1 when over a bar. */
async function main(): Promise<number> {
  const started = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--json"])
  const wallMs = performance.now() - started
  const { peakBytes }: { readonly peakBytes: number } = JSON.parse(stdout)
  process.stdout.write(
    `quickstart ${(wallMs / 1000).toFixed(1)} s (bar ${LIMIT_MS / 1000} s)  peak ${(peakBytes / 1_048_576).toFixed(0)} MiB (bar 250 MiB)\n`,
  )
  return wallMs <= LIMIT_MS && peakBytes <= LIMIT_BYTES ? 0 : 1
}

process.exitCode = await main()
