import { fileURLToPath } from "node:url"

/** The programs of this package, run with the Node that runs now. */
export type ProgramName = "node" | "keystore"

const sources: Readonly<Record<ProgramName, string>> = { node: "./main.ts", keystore: "./keystore/main.ts" }
const isSource: boolean = import.meta.url.endsWith(".ts")

/** Path of a program: its source in a checkout, the file beside this one in a distribution. */
export function programPath(program: ProgramName): string {
  return fileURLToPath(new URL(isSource ? sources[program] : `./${program}.mjs`, import.meta.url))
}

/** Path of what a thread runs to use an operator. */
export function operatorWorkerPath(): string {
  return fileURLToPath(isSource ? import.meta.resolve("@keygrove/operators/worker") : new URL("./operator-worker.mjs", import.meta.url))
}
