import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { concatBytes, fromHex, ok, Secret, toHex, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { SUITE_NAMES, type Primitives, type SuiteName } from "@keygrove/crypto"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import { expect, test } from "vitest"
import { decryptStream, type FileKeySource } from "./decrypt-stream.ts"
import { encryptStream } from "./encrypt-stream.ts"
import { fixtureLabel } from "./file-fixture.ts"

/** vectors/file: see the README there for how they were made. */
const vector = (name: string): Uint8Array => Uint8Array.from(readFileSync(new URL(`../../../../../vectors/file/${name}`, import.meta.url)))

const { signal } = new AbortController()
const LABEL_SECRET = createHash("sha256").update("keygrove test label key").digest("hex")
const labelSecret = (): Secret => Secret.take(unwrap(fromHex(LABEL_SECRET)))

/** Plaintext of a vector: one byte more than a chunk for the first suite, a short line for the others. */
function plaintextOf(suite: SuiteName): Uint8Array {
  return suite === "aes-256-gcm" ? Uint8Array.from({ length: 65_537 }, (_, index) => index & 0xff) : utf8(`Keygrove ${suite}\n`)
}

/** Deterministic randomness, for vectors only: SHA-256 of a counter. */
function countedRandom(): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () => nativePrimitives.sha256(utf8(`keygrove test random ${counter++}`)))
    return concatBytes(...blocks).slice(0, length)
  }
}

async function collect(blocks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const block of blocks) parts.push(block)
  return concatBytes(...parts)
}

/** Encrypts as everyone does, but with counted randomness. */
async function make(primitives: Primitives, suite: SuiteName): Promise<Uint8Array> {
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random: countedRandom() })
  using secret = labelSecret()
  const point = primitives.curve.basePointTimesSecret(secret)
  const tools = {
    primitives,
    encapsulate: () => {
      const { capsule, keySeed } = umbral.encapsulate(point)
      return ok({ capsule: umbral.encodeCapsule(capsule), keySeed })
    },
  }
  const labelKey = primitives.curve.encodePoint(point)
  return await collect(encryptStream(tools, [plaintextOf(suite)], { ...fixtureLabel, labelKey, suite, signal }))
}

const platforms = [nativePrimitives, portablePrimitives].flatMap((primitives) =>
  SUITE_NAMES.map((suite) => ({ primitives, suite, name: primitives.implementation })),
)

test.each(platforms)("$name makes and opens the $suite vector", async ({ primitives, suite }) => {
  const file = vector(`${suite}.kg`)
  expect(toHex(primitives.sha256(await make(primitives, suite)))).toBe(toHex(primitives.sha256(file)))
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random: countedRandom() })
  const fileKey: FileKeySource = async (header, headerDigest) => {
    using secret = labelSecret()
    using seed = unwrap(umbral.openOriginal(secret, unwrap(umbral.decodeCapsule(header.capsule))))
    return deriveFileKey(primitives, seed, headerDigest)
  }
  const opened = await collect(decryptStream(primitives, [file], { fileKey, signal }))
  expect(toHex(primitives.sha256(opened))).toBe(toHex(primitives.sha256(plaintextOf(suite))))
})
