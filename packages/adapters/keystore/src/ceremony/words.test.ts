import fc from "fast-check"
import { expect, test } from "vitest"
import { decodeWords, newWords, WORD_COUNT } from "./words.ts"

/** BIP39's own vector for 256 zero bits (https://github.com/trezor/python-mnemonic/blob/master/vectors.json). */
const ZERO = [...Array.from({ length: WORD_COUNT - 1 }, () => "abandon"), "art"]

test("accepts the words as people write them: any case, breaks, numbers and punctuation", () => {
  const numbered = ZERO.map((word, index) => `${index + 1}. ${word.toUpperCase()}`)
  for (const text of [ZERO.join(" "), `\n\t ${ZERO.join("  \r\n")}\n\n`, numbered.join("\n"), ZERO.join(", ")])
    expect(decodeWords(text)).toEqual({ ok: true, value: ZERO })
})

test("refuses another number of words", () => {
  for (const count of [0, 1, 12, 23, 25])
    expect(decodeWords(Array.from({ length: count }, () => "abandon").join(" "))).toMatchObject({
      ok: false,
      code: "WORDS_COUNT",
      data: { count },
    })
})

test("names the position of an unknown word, and neither it nor one like it", () => {
  for (const position of [1, 13, 24]) {
    const refused = decodeWords(ZERO.with(position - 1, "abandom").join(" "))
    expect(refused).toMatchObject({ ok: false, code: "WORD_UNKNOWN", data: { position } })
    expect(JSON.stringify(refused)).not.toMatch(/abando/)
  }
})

test("refuses words that do not belong together, without naming one", () => {
  const refused = decodeWords(ZERO.with(0, "zoo").join(" "))
  expect(refused).toMatchObject({ ok: false, code: "WORDS_CHECKSUM" })
  expect(JSON.stringify(refused)).not.toMatch(/zoo|abandon|art\b/)
})

test("new words are accepted, and the random bytes wiped", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (entropy) => {
      const given = Uint8Array.from(entropy)
      const words = newWords(() => given)
      expect(decodeWords(words.join(" "))).toEqual({ ok: true, value: words })
      expect(given).toEqual(new Uint8Array(32))
    }),
    { numRuns: 50 },
  )
})
