import type { PKCS11 } from "pkcs11js"
import { ok, refuse, type Result } from "@keygrove/base"

/** The functions of a loaded module. */
export type Cryptoki = PKCS11

/** A handle of a session, slot or object, as the binding has it. */
export type Handle = Buffer

/** Loads the module of a token's maker into this process. */
export async function loadCryptoki(path: string): Promise<Result<Cryptoki, "PKCS11_UNAVAILABLE">> {
  const binding = await loadBinding()
  if (binding === undefined)
    return refuse(
      "PKCS11_UNAVAILABLE",
      "the binding pkcs11js is not installed, because it could not be compiled; install a C++ compiler and run `npm rebuild pkcs11js`",
    )
  try {
    const cryptoki = new binding.PKCS11()
    cryptoki.load(path)
    return ok(cryptoki)
  } catch (error) {
    return refuse("PKCS11_UNAVAILABLE", `the module ${path} cannot be loaded (${reasonOf(error)}); check pkcs11.module in config.json`)
  }
}

async function loadBinding(): Promise<{ readonly PKCS11: new () => Cryptoki } | undefined> {
  try {
    const { default: binding } = await import("pkcs11js")
    return binding
  } catch {
    // Not installed, or not for this version of Node: to the person it is the same.
    return undefined
  }
}

/** The loader's own words, which name the file and what is wrong with it. */
function reasonOf(error: unknown): string {
  const [line = ""] = error instanceof Error ? error.message.split("\n") : []
  return line === "" ? "unknown reason" : line.slice(0, 200)
}
