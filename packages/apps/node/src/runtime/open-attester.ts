import { readFileSync } from "node:fs"
import type { Attester, AttesterMemory } from "@keygrove/service"
import { DEFAULT_TCTI, TpmAttester } from "@keygrove/tpm"
import type { NodeConfig } from "../home/config.ts"
import type { Home } from "../home/home.ts"
import { replaceDurably } from "../home/make-home.ts"

/** The TPM of this machine, of which nothing is asked before somebody uses it: where there is none, that is refused. */
export function openAttester(home: Pick<Home, "attestationKey">, { tpm }: Pick<NodeConfig, "tpm">): Attester {
  return new TpmAttester({ tcti: tpm?.tcti ?? DEFAULT_TCTI, memory: fileMemory(home.attestationKey) })
}

/** What the TPM wrapped, as a file of the home. */
function fileMemory(path: string): AttesterMemory {
  return {
    read: async ({ signal }) => {
      signal.throwIfAborted()
      return await Promise.resolve(bytesOf(path))
    },
    write: async (bytes, { signal }) => {
      signal.throwIfAborted()
      await Promise.resolve(replaceDurably(path, bytes))
    },
  }
}

function bytesOf(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}
