import { dirname, join } from "node:path"
import type { UnlockMeans } from "@keygrove/api"
import type { NodeConfig } from "./config.ts"

/** Name in a home of the key file that `init --unlock generated` makes. */
const GENERATED_NAME = "unlock-key"

/** Where the generated key file of a home is. */
export function generatedKeyFile(directory: string): string {
  return join(directory, GENERATED_NAME)
}

/** The warning of a home that holds the key to itself; none otherwise. */
export function generatedWarning(directory: string, { keyFile: path }: Pick<NodeConfig, "keyFile">): readonly string[] {
  const { by, keyFile, note } = secretMeans(directory, path)
  return by === "generated" ? [`the node is unlocked by ${keyFile}: ${note}`] : []
}

/** What a node is started with when its person says nothing else, and what that means for who has its disk. */
export function unlockMeans(directory: string, { keyFile, unlock }: Pick<NodeConfig, "keyFile" | "unlock">): UnlockMeans {
  const own = secretMeans(directory, keyFile)
  return unlock === undefined ? own : { ...own, by: unlock }
}

function secretMeans(directory: string, keyFile: string | undefined): UnlockMeans & { readonly by: "passphrase" | "file" | "generated" } {
  if (keyFile === undefined) return { by: "passphrase", keyFile: null, note: null }
  if (dirname(keyFile) === directory)
    return {
      by: "generated",
      keyFile,
      note: "its key lies beside what it locks: whoever has this home directory, or a backup of it, has the node; for development only",
    }
  return { by: "file", keyFile, note: "whoever has this file and the home directory has the node; keep them apart, also in backups" }
}
