import { closeSync } from "node:fs"
import { resolve } from "node:path"
import { refuse } from "@keygrove/base"
import { spawnKeystore } from "@keygrove/keystore"
import type { CallOptions } from "@keygrove/service"
import { forgetKeyVariables, type NodeConfig } from "../home/config.ts"
import { variableOf } from "../home/configured-key.ts"
import type { Home } from "../home/home.ts"
import { programPath } from "../program-path.ts"

export interface KeystoreSources {
  /** Replaces the key file of the configuration. */
  readonly keyFile?: string
  /** Descriptor of the passphrase, passed on to the keystore process unread, and closed. */
  readonly passphraseSource?: number
}

/** Starts the keystore process of a home and waits until it is unlocked. */
export async function openKeystore(
  home: Home,
  config: NodeConfig,
  options: KeystoreSources,
  call: CallOptions,
): Promise<Awaited<ReturnType<typeof spawnKeystore>>> {
  const keyFile = options.keyFile ?? config.keyFile
  const args = [
    // A library asks for a diagnostic report when it is loaded, to find out about the system's C library; it would copy variables with keys.
    "--report-exclude-env",
    programPath("keystore"),
    "serve",
    "--store",
    home.keystore,
    "--audit",
    home.audit,
    ...(keyFile === undefined ? [] : ["--key-file", keyFile]),
    ...(config.keys ?? []).flatMap((key) => variableOf(key) ?? []).flatMap((name) => ["--variable", name]),
    ...tokenArguments(home, config),
    ...(config.operators === undefined ? [] : ["--operators", JSON.stringify(config.operators), "--directory", home.directory]),
  ]
  const opening = spawnKeystore(
    {
      command: process.execPath,
      args,
      wipesFreed: config.operators !== undefined,
      ...(options.passphraseSource === undefined ? {} : { passphraseSource: options.passphraseSource }),
    },
    call,
  )
  // The keystore has inherited them.
  forgetKeyVariables(config)
  const opened = await opening.finally(() => {
    // The terminal or pipe must be free to end while the node runs.
    if (options.passphraseSource !== undefined) closeSync(options.passphraseSource)
  })
  if (opened.ok || opened.code !== "DATABASE_CORRUPT") return opened
  return refuse(opened.code, `${opened.message}, or recover the node with \`keygrove init --recover\``)
}

/** Where the keystore finds the token; none of it is secret. */
function tokenArguments(home: Home, { pkcs11 }: NodeConfig): readonly string[] {
  if (pkcs11 === undefined) return []
  const inHome = (path: string): string => resolve(home.directory, path)
  return ["--token-module", inHome(pkcs11.module), "--token-label", pkcs11.token, "--token-pin-file", inHome(pkcs11.pinFile)]
}
