import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { ok, Secret, toHex, unwrap, type Result } from "@keygrove/base"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { lagrangeWeights, multiply } from "./galois-field.ts"
import { decodeShare, encodeShare, SHARE_WORD_COUNT, type Share } from "./share.ts"
import { makeShares, ShareSet } from "./share-set.ts"
import { SHARE_WORDS } from "./word-list.ts"

type Vector = readonly [name: string, mnemonics: readonly string[], secret: string, xprv: string]
/** All of trezor/python-shamir-mnemonic's; their passphrase is TREZOR (vectors/README.md). */
const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../../../../../vectors/slip39/vectors.json", import.meta.url), "utf8"),
)
const TREZOR = Buffer.from("TREZOR")

/** Why each invalid vector is one; what a reader must be told. */
const REASONS: Readonly<Record<number, string>> = {
  2: "SHARE_CHECKSUM",
  3: "SHARE_INVALID",
  5: "SHARES_TOO_FEW",
  6: "SHARES_DIFFER",
  7: "SHARES_DIFFER",
  8: "SHARES_DIFFER",
  9: "SHARES_DIFFER",
  10: "SHARE_INVALID",
  11: "SHARES_DIFFER",
  12: "SHARES_DIFFER",
  13: "SHARES_WRONG",
  14: "SHARES_TOO_FEW",
  15: "SHARES_TOO_FEW",
  16: "SHARES_TOO_FEW",
  21: "SHARE_CHECKSUM",
  22: "SHARE_INVALID",
  24: "SHARES_TOO_FEW",
  25: "SHARES_DIFFER",
  26: "SHARES_DIFFER",
  27: "SHARES_DIFFER",
  28: "SHARES_DIFFER",
  29: "SHARE_INVALID",
  30: "SHARES_DIFFER",
  31: "SHARES_DIFFER",
  32: "SHARES_WRONG",
  33: "SHARES_TOO_FEW",
  34: "SHARES_TOO_FEW",
  35: "SHARES_TOO_FEW",
  39: "SHARE_LENGTH",
  40: "SHARE_LENGTH",
}

function combined(texts: readonly string[], passphrase?: Uint8Array): Result<string> {
  using set = new ShareSet()
  for (const text of texts) {
    const share = decodeShare(text)
    if (!share.ok) return share
    const added = set.add(share.value)
    if (!added.ok) return added
  }
  const secret = set.combine(passphrase)
  if (!secret.ok) return secret
  using owned = secret.value
  return ok(owned.expose((bytes) => toHex(bytes)))
}

function shareTexts(secret: Uint8Array, threshold: number, count: number): readonly string[] {
  using owned = Secret.take(Uint8Array.from(secret))
  return makeShares(owned, { threshold, count }, randomBytes).map((share) => {
    using each = share
    return encodeShare(each).join(" ")
  })
}

test("the word list is the standard's", () => {
  const digest = createHash("sha256")
    .update(`${SHARE_WORDS.join("\n")}\n`)
    .digest("hex")
  expect(digest).toBe("bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3")
})

describe("the reference's vectors", () => {
  test("all are there", () => expect(vectors).toHaveLength(45))

  test.each(vectors.map((vector, index) => [index + 1, ...vector] as const))("%i: %s", (number, _name, mnemonics, secret) => {
    const result = combined(mnemonics, TREZOR)
    if (secret === "") expect(result).toMatchObject({ ok: false, code: REASONS[number] })
    else expect(result).toEqual({ ok: true, value: secret })
  })

  test("valid ones are written as they were read", () => {
    for (const [, mnemonics, secret] of vectors)
      for (const mnemonic of secret === "" ? [] : mnemonics) {
        using share = unwrap(decodeShare(mnemonic))
        expect(encodeShare(share).join(" ")).toBe(mnemonic)
      }
  })
})

describe("GF(256)", () => {
  const element = fc.nat(255)

  test("multiplies as FIPS 197, 4.2, shows, and as a field does", () => {
    expect(multiply(0x57, 0x83)).toBe(0xc1)
    expect(multiply(0x57, 0x13)).toBe(0xfe)
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(multiply(a, b)).toBe(multiply(b, a))
        expect(multiply(a, multiply(b, c))).toBe(multiply(multiply(a, b), c))
        expect(multiply(a, b ^ c)).toBe(multiply(a, b) ^ multiply(a, c))
        expect([multiply(a, 1), multiply(a, 0)]).toEqual([a, 0])
      }),
    )
  })

  test("the weights give the value of a polynomial at any other place", () => {
    const at = (x: number, coefficients: readonly number[]): number =>
      coefficients.reduceRight((sum, coefficient) => multiply(sum, x) ^ coefficient, 0)
    fc.assert(
      fc.property(fc.uniqueArray(element, { minLength: 1, maxLength: 16 }), element, fc.infiniteStream(element), (xs, x, dice) => {
        const coefficients = xs.map(() => dice.next().value)
        const sum = lagrangeWeights(xs, x).reduce((total, weight, index) => total ^ multiply(weight, at(xs[index] ?? 0, coefficients)), 0)
        expect(sum).toBe(at(x, coefficients))
      }),
    )
  })
})

describe("shares of our own", () => {
  const entropy = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const sharing = fc.integer({ min: 1, max: 16 }).chain((count) => fc.tuple(fc.integer({ min: 1, max: count }), fc.constant(count)))

  test("any that suffice give the secret, in any order; one fewer does not, and more must agree", () => {
    fc.assert(
      fc.property(entropy, sharing, fc.infiniteStream(fc.nat()), (bytes, [threshold, count], dice) => {
        const texts = shareTexts(bytes, threshold, count)
        const shuffled = texts
          .map((text) => ({ text, at: dice.next().value }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ text }) => text)
        expect(texts.every((text) => text.split(" ").length === SHARE_WORD_COUNT)).toBe(true)
        expect(combined(shuffled.slice(0, threshold))).toEqual(ok(toHex(bytes)))
        expect(combined(shuffled)).toEqual(ok(toHex(bytes)))
        expect(combined(shuffled.slice(0, threshold - 1))).toMatchObject({ ok: false, code: "SHARES_TOO_FEW" })
      }),
      { numRuns: 12 },
    )
  })

  test("shares of two runs never mix into a secret", () => {
    fc.assert(
      fc.property(entropy, (bytes) => {
        const [a = "", b = ""] = [shareTexts(bytes, 2, 3)[0], shareTexts(bytes, 2, 3)[1]]
        expect(combined([a, b])).toMatchObject({ ok: false, code: "SHARES_DIFFER" })
      }),
      { numRuns: 5 },
    )
  })

  test("a forged share with a right header is noticed, also among more than are needed", () => {
    const texts = shareTexts(randomBytes(32), 2, 3)
    using last = unwrap(decodeShare(texts[2] ?? ""))
    const forged: Share = { ...last, value: Secret.fill(32, (bytes) => bytes.fill(7)), [Symbol.dispose]: () => undefined }
    const text = encodeShare(forged).join(" ")
    expect(combined([texts[0] ?? "", text])).toMatchObject({ ok: false, code: "SHARES_WRONG" })
    expect(combined([...texts.slice(0, 2), text])).toMatchObject({ ok: false, code: "SHARES_WRONG" })
  })

  test("a threshold above the count, and more than 16, are misuse", () => {
    using secret = Secret.take(randomBytes(32))
    for (const sharing of [
      { threshold: 0, count: 1 },
      { threshold: 3, count: 2 },
      { threshold: 2, count: 17 },
    ])
      expect(() => makeShares(secret, sharing, randomBytes)).toThrow(RangeError)
  })
})

describe("what people are told", () => {
  const texts = shareTexts(randomBytes(32), 3, 5)
  const words = (texts[1] ?? "").split(" ")

  test("the position of a word of no list, and never the word", () => {
    for (const position of [1, 17, 33]) {
      const refused = decodeShare(words.with(position - 1, "academik").join(" "))
      expect(refused).toMatchObject({ ok: false, code: "SHARE_WORD_UNKNOWN", data: { position } })
      expect(JSON.stringify(refused)).not.toMatch(/academ/)
    }
  })

  test("a word mistaken for another, two that changed places, a word too few", () => {
    const other = words[9] === "zero" ? "acid" : "zero"
    expect(decodeShare(words.with(9, other).join(" "))).toMatchObject({ ok: false, code: "SHARE_CHECKSUM" })
    expect(decodeShare([...words.slice(1, 2), ...words.slice(0, 1), ...words.slice(2)].join(" "))).toMatchObject({ code: "SHARE_CHECKSUM" })
    expect(decodeShare(words.slice(1).join(" "))).toMatchObject({ ok: false, code: "SHARE_LENGTH", data: { count: 32 } })
    expect(decodeShare(words.slice(20).join(" "))).toMatchObject({ ok: false, code: "SHARE_LENGTH", data: { count: 13 } })
    for (const text of ["", "acid ".repeat(65)]) expect(decodeShare(text)).toMatchObject({ ok: false, code: "SHARE_LENGTH" })
  })

  test("one to three wrong words are always noticed, wherever they are", () => {
    const other = fc.tuple(fc.nat(32), fc.nat(1_023))
    fc.assert(
      fc.property(fc.uniqueArray(other, { minLength: 1, maxLength: 3, selector: ([position]) => position }), (changes) => {
        const changed = changes.reduce((list, [position, number]) => list.with(position, SHARE_WORDS[number] ?? ""), words)
        fc.pre(changed.join(" ") !== words.join(" "))
        expect(decodeShare(changed.join(" "))).toMatchObject({ ok: false, code: "SHARE_CHECKSUM" })
      }),
      { numRuns: 500 },
    )
  })

  test("any text and any words are a share or refused, and no refusal repeats them", () => {
    const garbage = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 400 }))
    const listed = fc.array(fc.constantFrom(...SHARE_WORDS), { maxLength: 70 }).map((list) => list.join(" "))
    fc.assert(
      fc.property(fc.oneof(garbage, listed), (text) => {
        const decoded = decodeShare(text)
        if (decoded.ok) decoded.value[Symbol.dispose]()
        else expect(decoded.code).toMatch(/^SHARE_(LENGTH|WORD_UNKNOWN|CHECKSUM|INVALID)$/)
        if (!decoded.ok && text.trim().length > 12) expect(decoded.message).not.toContain(text.trim())
      }),
      { numRuns: 500 },
    )
  })

  test("a share twice, and how many are missing", () => {
    using set = new ShareSet()
    expect(set.missing).toBe("at least one share")
    expect(set.add(unwrap(decodeShare(texts[1] ?? "")))).toEqual(ok(true))
    using again = unwrap(decodeShare(texts[1] ?? ""))
    expect(set.add(again)).toMatchObject({ ok: false, code: "SHARE_TWICE", message: "share 2 was given already; give another one" })
    expect(set.missing).toBe("2 more shares")
    expect(set.combine()).toMatchObject({
      ok: false,
      code: "SHARES_TOO_FEW",
      message: "still needed: 2 more shares; find what is missing and run it again",
    })
  })

  test("how many of which group are missing", () => {
    const [, mnemonics = []] = vectors[15] ?? []
    using set = new ShareSet()
    for (const text of mnemonics) unwrap(set.add(unwrap(decodeShare(text))))
    expect(set.missing).toMatch(/^1 more share of group \d+$/)
    const [, [one = ""] = []] = vectors[13] ?? []
    using alone = new ShareSet()
    unwrap(alone.add(unwrap(decodeShare(one))))
    expect(alone.missing).toMatch(/^(\d more shares? of group \d, )?shares of 1 more group$/)
  })

  test("words in any case, with numbers and breaks", () => {
    const text = words.map((word, index) => `${index + 1}. ${index % 2 === 0 ? word.toUpperCase() : word}\r\n`).join("\t")
    using share = unwrap(decodeShare(text))
    expect(encodeShare(share)).toEqual(words)
  })
})
