import { closeSync } from "node:fs"
import { join, resolve } from "node:path"
import { refuse, type Result } from "@keygrove/base"
import { spawnKeystore, type KeystoreProcess, type KeystoreProgram } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { DEFAULT_TCTI } from "@keygrove/tpm"
import { registerConfiguredKeys } from "../configured-keys.ts"
import { forgetKeyVariables, type NodeConfig } from "../home/config.ts"
import { variableOf } from "../home/configured-key.ts"
import type { Home } from "../home/home.ts"
import { programPath } from "../program-path.ts"

export interface KeystoreSources {
  /** Replaces the key file of the configuration. */
  readonly keyFile?: string
  /** Descriptor of the passphrase, passed on to the keystore process unread, and closed. */
  readonly passphraseSource?: number
  /** Name of the socket in the home at which another keystore program hands the passphrase over, once. */
  readonly passphraseSocket?: string
}

/** The home of a keystore, and who is told what a person should know. */
export interface KeystoreSurroundings {
  readonly home: Home
  readonly config: NodeConfig
  readonly log: (line: string) => void
}

/** Starts the keystore process of a home, waits until it is unlocked, and makes sure that the keys of the configuration are there. */
export async function openKeystore(
  { config, home, log }: KeystoreSurroundings,
  sources: KeystoreSources,
  call: CallOptions,
): Promise<Result<KeystoreProcess>> {
  const opened = await startKeystore(home, config, sources, call)
  if (!opened.ok) return opened
  await using stack = new AsyncDisposableStack()
  const { keystore } = stack.use(opened.value)
  const registered = await registerConfiguredKeys(keystore.keys, { config, directory: home.directory, log }, call)
  if (!registered.ok) return registered
  stack.move()
  return opened
}

/** How the keystore process of a home is started: with what opens it, or locked, for pieces. */
export function keystoreProgram(home: Home, config: NodeConfig, options: KeystoreSources | { readonly locked: true }): KeystoreProgram {
  const args = [
    // A library asks for a diagnostic report when it is loaded, to find out about the system's C library; it would copy variables with keys.
    "--report-exclude-env",
    programPath("keystore"),
    "serve",
    "--store",
    home.keystore,
    "--audit",
    home.audit,
    "--boot-key",
    home.bootKey,
    "--tpm-tcti",
    config.tpm?.tcti ?? DEFAULT_TCTI,
    ...("locked" in options ? ["--locked"] : unlockArguments(home, config, options)),
    ...(config.keys ?? []).flatMap((key) => variableOf(key) ?? []).flatMap((name) => ["--variable", name]),
    ...tokenArguments(home, config),
    ...(config.operators === undefined ? [] : ["--operators", JSON.stringify(config.operators), "--directory", home.directory]),
  ]
  const source = "locked" in options ? undefined : options.passphraseSource
  const wipesFreed = config.operators !== undefined
  return { command: process.execPath, args, wipesFreed, ...(source === undefined ? {} : { passphraseSource: source }) }
}

function unlockArguments(
  home: Home,
  config: NodeConfig,
  { keyFile: given, passphraseSocket, passphraseSource }: KeystoreSources,
): readonly string[] {
  if (passphraseSocket !== undefined) return ["--passphrase-socket", join(home.directory, passphraseSocket)]
  const keyFile = given ?? (passphraseSource === undefined ? config.keyFile : undefined)
  return keyFile === undefined ? [] : ["--key-file", keyFile]
}

async function startKeystore(
  home: Home,
  config: NodeConfig,
  options: KeystoreSources,
  call: CallOptions,
): Promise<Result<KeystoreProcess>> {
  const opening = spawnKeystore(keystoreProgram(home, config, options), call)
  const opened = await opening.finally(() => {
    // The terminal or pipe must be free to end while the node runs.
    if (options.passphraseSource !== undefined) closeSync(options.passphraseSource)
  })
  // The keystore has inherited them; where it was not opened, the next one needs them.
  if (opened.ok) forgetKeyVariables(config)
  if (opened.ok || opened.code !== "DATABASE_CORRUPT") return opened
  return refuse(opened.code, `${opened.message}, or recover the node with \`keygrove init --recover\``)
}

/** Where the keystore finds the token; none of it is secret. */
function tokenArguments(home: Home, { pkcs11 }: NodeConfig): readonly string[] {
  if (pkcs11 === undefined) return []
  const inHome = (path: string): string => resolve(home.directory, path)
  return ["--token-module", inHome(pkcs11.module), "--token-label", pkcs11.token, "--token-pin-file", inHome(pkcs11.pinFile)]
}
