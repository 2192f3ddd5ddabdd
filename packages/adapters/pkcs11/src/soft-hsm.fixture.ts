import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ok, Secret, unwrap, utf8 } from "@keygrove/base"
import { decodeKeyId, type KeyId } from "@keygrove/keys"
import { loadCryptoki, type Cryptoki } from "./cryptoki.ts"
import type { TokenPlace } from "./token.ts"

/** Where Debian, Fedora and Homebrew have SoftHSM's module. */
const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/opt/homebrew/lib/softhsm/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
]
export const SOFT_HSM: string | undefined = MODULES.find((path) => existsSync(path))
const binding = SOFT_HSM === undefined ? undefined : await loadCryptoki(SOFT_HSM)
/** Whether SoftHSM and the binding are here; without them there is no token to test with. */
export const hasToken: boolean = binding?.ok === true

export const PIN = "correct horse"
export const LABEL = "grove"

/** SoftHSM with one token, in a directory of its own. */
export interface SoftHsm extends Disposable {
  readonly directory: string
  readonly tokens: string
  readonly module: string
  /** Runs a program that looks at the token from outside. */
  run(program: string, args: readonly string[]): string
  /** How to open the token, with a PIN of its own. */
  place(extra?: Partial<TokenPlace>, pin?: string): TokenPlace
}

/** Makes a token. The module reads where it is from the environment of this process. */
export function makeSoftHsm(): SoftHsm {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-token-"))
  const tokens = join(directory, "tokens")
  mkdirSync(tokens)
  const configuration = join(directory, "softhsm2.conf")
  writeFileSync(configuration, `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  process.env["SOFTHSM2_CONF"] = configuration
  const module = SOFT_HSM ?? ""
  const run = (program: string, args: readonly string[]): string => {
    const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8" })
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
    return stdout
  }
  run("softhsm2-util", ["--init-token", "--free", "--label", LABEL, "--so-pin", "so-pin-1234", "--pin", PIN])
  return {
    directory,
    tokens,
    module,
    run,
    place: (extra = {}, pin = PIN) => ({ module, label: LABEL, readPin: () => ok(Secret.take(utf8(`${pin}\n`))), retryMs: 0, ...extra }),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

type Member = keyof Cryptoki

/**
 * Loads a module some of whose functions behave otherwise: each is made of the real one. Others in this process may use the same module, so it is neither
 * ended nor unloaded.
 */
export function altered(
  module: string,
  members: Partial<Record<Member, (real: (...args: readonly never[]) => unknown) => (...args: never[]) => unknown>>,
): NonNullable<TokenPlace["load"]> {
  return async () => {
    const loaded = await loadCryptoki(module)
    if (!loaded.ok) return loaded
    const cryptoki = loaded.value
    return ok(
      new Proxy(cryptoki, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name)
          if (typeof member !== "function") return member
          const real = (...args: readonly never[]): unknown => Reflect.apply(member, target, args)
          const alter = Object.entries(members).find(([each]) => each === name)?.[1]
          return alter === undefined ? real : alter(real)
        },
      }),
    )
  }
}

export function keyId(text: string): KeyId {
  return unwrap(decodeKeyId(text))
}
