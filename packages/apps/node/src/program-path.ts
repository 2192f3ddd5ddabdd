import { fileURLToPath } from "node:url"

/** Path of a program of this package, to be run with the Node that runs now. */
export function programPath(program: "keystore"): string {
  return fileURLToPath(new URL(`./${program}/main.ts`, import.meta.url))
}
