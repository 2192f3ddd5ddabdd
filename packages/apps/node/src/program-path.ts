import { fileURLToPath } from "node:url"

/** The programs of this package, run with the Node that runs now. */
export type ProgramName = "node" | "keystore"

const sources: Readonly<Record<ProgramName, string>> = { node: "./main.ts", keystore: "./keystore/main.ts" }

/** Path of a program: its source in a checkout, the file beside this one in a distribution. */
export function programPath(program: ProgramName): string {
  const isSource = import.meta.url.endsWith(".ts")
  return fileURLToPath(new URL(isSource ? sources[program] : `./${program}.mjs`, import.meta.url))
}
