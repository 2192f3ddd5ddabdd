import type { KeyBackend } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { readKeyFile } from "@keygrove/vault"

/** The token of the configuration; paths are absolute. */
export interface TokenOptions {
  readonly module: string
  readonly label: string
  readonly pinFile: string
}

/** Backends of a vault besides its own; disposal logs out of the token. */
export interface TokenKeys extends Disposable {
  readonly backends: readonly KeyBackend[]
}

/** How long calls of the module may keep the process after its secrets were wiped. */
const END_TIMEOUT_MS = 1_000

/** The keys in the configured token, of which there are none without one. It is opened at its first use, and the namespace, which stays what it was when a keystore is recovered or moves, finds the node's objects in it: a node serves what else it has without it. */
export async function openTokenKeys(options: TokenOptions | undefined, namespace: Uint8Array): Promise<TokenKeys> {
  if (options === undefined) return { backends: [], [Symbol.dispose]: () => undefined }
  const { Pkcs11Backend, Token } = await import("@keygrove/pkcs11")
  const { label, module, pinFile } = options
  const token = new Token({ module, label, readPin: () => readKeyFile(pinFile) })
  return { backends: [new Pkcs11Backend({ token, namespace, random: systemRandom })], [Symbol.dispose]: () => end(token) }
}

function end(token: Disposable): void {
  token[Symbol.dispose]()
  // A call of the module on its thread has no way to end before it ends, and would keep the process until then.
  setTimeout(() => void process.kill(process.pid, "SIGKILL"), END_TIMEOUT_MS).unref()
}

/** A token from the arguments of the program, which come together or not at all. */
export function tokenOptions(values: {
  readonly "token-module"?: string | undefined
  readonly "token-label"?: string | undefined
  readonly "token-pin-file"?: string | undefined
}): TokenOptions | undefined {
  const { "token-label": label, "token-module": module, "token-pin-file": pinFile } = values
  return module === undefined || label === undefined || pinFile === undefined ? undefined : { module, label, pinFile }
}
