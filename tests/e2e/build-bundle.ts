import { execFile } from "node:child_process"
import { rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  interface ProvidedContext {
    /** Directory of the bundle that the tests of this run start their programs from. */
    readonly bundle: string
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url))

/**
 * Bundles the programs once for a run: what users run, and four times faster to start than the sources. Each run has a directory
 * of its own, so that no other run, and no `npm run build`, takes a running program's files away.
 */
export default async function buildBundle(project: TestProject): Promise<() => Promise<void>> {
  const directory = `${root}.cache/bundles/${process.pid}-${project.name}`
  await promisify(execFile)(process.execPath, [`${root}scripts/build.ts`, directory], { cwd: root })
  await writeFile(`${directory}/keygrove`, `#!/bin/sh\nexec "${process.execPath}" "${directory}/keygrove.mjs" "$@"\n`, { mode: 0o755 })
  project.provide("bundle", directory)
  return async () => await rm(directory, { recursive: true, force: true })
}
