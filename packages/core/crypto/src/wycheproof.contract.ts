import { readFileSync } from "node:fs"
import { unwrap, fromHex } from "@keygrove/base"

/** One case of Wycheproof, with the fields of the algorithms that are used here. */
export type WycheproofCase = Readonly<Record<string, string>> & { readonly tcId: number; readonly size?: number }

interface WycheproofGroup {
  readonly ivSize?: number
  readonly keySize?: number
  readonly tagSize?: number
  readonly publicKey?: { readonly pk: string }
  readonly tests: readonly WycheproofCase[]
}

/** Test groups of one file of vectors/wycheproof (C2SP/wycheproof dac1dd47, `testvectors_v1/`). */
export function wycheproof(file: string): readonly WycheproofGroup[] {
  const url = new URL(`../../../../vectors/wycheproof/${file}_test.json`, import.meta.url)
  const parsed: { readonly testGroups: readonly WycheproofGroup[] } = JSON.parse(readFileSync(url, "utf8"))
  return parsed.testGroups
}

/** Bytes of a hex field; a missing field is a mistake of the test. */
export function hex(text: string | undefined): Uint8Array {
  if (text === undefined) throw new TypeError("the vector lacks a field")
  return unwrap(fromHex(text))
}
