import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toHex, unwrap, type Result, type Secret } from "@keygrove/base"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readWordsPassphrase } from "./words-passphrase.ts"
import { entropyOfWords, seedOfWords, wordsOfEntropy } from "./words.ts"

type Vector = readonly [entropy: string, words: string, passphrase: string, seed: string]
/** Trezor's of 24 words and bip32JP's, whose passphrase is not in NFKD (vectors/bip39/README.md). */
const vectors: readonly Vector[] = JSON.parse(readFileSync(new URL("../../../../../vectors/bip39/vectors.json", import.meta.url), "utf8"))
const state = { folder: "" }

beforeAll(() => {
  state.folder = mkdtempSync(join(tmpdir(), "keygrove-passphrase-"))
})
afterAll(() => rmSync(state.folder, { recursive: true }))

/** As the keystore process reads it: by a descriptor, which it closes. */
async function readFrom(content: Uint8Array | string): Promise<Result<Secret>> {
  const path = join(state.folder, "passphrase")
  writeFileSync(path, content)
  return await readWordsPassphrase({ descriptor: openSync(path, "r") }, { isChecked: false }, { signal: new AbortController().signal })
}

function hexOf(secret: Secret): string {
  return secret.expose((bytes) => toHex(bytes))
}

describe("words and their passphrase", () => {
  test.each(vectors)("%s: the seed is that of BIP39", async (_entropy, words, passphrase, expected) => {
    using read = unwrap(await readFrom(`${passphrase}\r\nsecond line\n`))
    using seed = seedOfWords(words.normalize("NFKD").split(" "), read)
    expect(hexOf(seed)).toBe(expected)
  })

  test.each(vectors.filter(([entropy]) => entropy.length === 64))("%s: words spell it, and it the words", (entropy, words) => {
    using spelled = entropyOfWords(words.split(" "))
    expect(hexOf(spelled)).toBe(entropy)
    expect(wordsOfEntropy(spelled).join(" ")).toBe(words)
  })

  test("the same passphrase in another form of Unicode is the same, and no passphrase is another root", async () => {
    const words = vectors[0]?.[1].split(" ") ?? []
    using composed = unwrap(await readFrom("caf\u{e9} ﬁ"))
    using decomposed = unwrap(await readFrom("cafe\u{301} fi"))
    expect(composed.equals(decomposed)).toBe(true)
    using without = seedOfWords(words)
    using given = seedOfWords(words, composed)
    expect(without.equals(given)).toBe(false)
  })

  test("a byte-order mark counts, as it does for every other program", async () => {
    using marked = unwrap(await readFrom("\u{feff}TREZOR"))
    using plain = unwrap(await readFrom("TREZOR"))
    expect(marked.equals(plain)).toBe(false)
  })
})

test.each([
  ["nothing", "", "PASSPHRASE_MISSING"],
  ["an empty line", "\nTREZOR", "PASSPHRASE_MISSING"],
  ["a film", "x".repeat(2_000), "PASSPHRASE_TOO_LONG"],
  ["bytes that are no text", Uint8Array.of(0x54, 0xff, 0xfe), "WORDS_PASSPHRASE_INVALID"],
])("a file with %s is refused", async (_name, content, code) => {
  const refused = await readFrom(content)
  expect(refused).toMatchObject({ ok: false, code, message: expect.stringMatching(/passphrase of the words/) })
})
