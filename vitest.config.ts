import { defineConfig, type ViteUserConfig } from "vitest/config"
import { LongestFirst } from "./tests/longest-first.ts"

/** Tests that start a tsc, an oxlint or several processes each; more at a time would only measure each other. */
const serial = { fileParallelism: false, maxWorkers: 1 }

/** No test asks how fast the machine is: these end what hangs, on the slowest. */
const patience = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 90_000 } } }

/** Properties take the inputs that `npm run verify` names. */
const seeded = { setupFiles: ["tests/property-seed.ts"] }

/** Tests of the programs as users run them. */
const bundled = { globalSetup: ["tests/e2e/build-bundle.ts"], ...serial }

const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 2,
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: "v8",
      include: ["packages/core/*/src/**"],
      exclude: ["**/*.test.ts", "**/*.contract.ts"],
      reportsDirectory: "coverage",
    },
    projects: [
      // In the same two processes, one file after the other: starting one a file took longer than most tests.
      { test: { name: "unit", include: ["packages/**/src/**/*.test.ts"], ...patience, ...seeded, isolate: false } },
      { test: { name: "repository", include: ["tests/repository/**/*.test.ts"], ...patience, ...serial } },
      { test: { name: "interop", include: ["tests/interop/**/*.test.ts"], ...patience } },
      { test: { name: "simulation", include: ["tests/simulation/**/*.test.ts"], ...patience, ...seeded } },
      {
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          exclude: ["tests/e2e/crash/**"],
          ...patience,
          ...seeded,
          globalSetup: ["tests/e2e/build-bundle.ts"],
        },
      },
      // Waits for a browser most of the time, so it goes beside others.
      { test: { name: "console", include: ["tests/console/**/*.test.ts"], ...patience, ...bundled } },
      // A million inputs, most of a minute; KEYGROVE_FUZZ_INPUTS asks for more.
      { test: { name: "fuzz", include: ["tests/fuzz/**/*.test.ts"], ...patience, globalSetup: ["tests/e2e/build-bundle.ts"] } },
      // Eight hosts in namespaces of their own, a minute of faults; the checker of what came of it.
      { test: { name: "faults", include: ["tests/faults/**/*.test.ts"], ...patience, testTimeout: 600_000, ...serial } },
      // 700 kills of running processes: minutes, so a step of its own.
      { test: { name: "crash", include: ["tests/e2e/crash/**/*.test.ts"], ...patience, testTimeout: 900_000, ...bundled } },
    ],
  },
})

export default config
