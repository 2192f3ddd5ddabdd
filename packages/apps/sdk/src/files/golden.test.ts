import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { concatBytes, fromHex, ok, Secret, toHex, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { SUITE_NAMES, type Primitives, type SuiteName } from "@keygrove/crypto"
import { decodeEpoch } from "@keygrove/hierarchy"
import { createUmbral, deriveFileKey } from "@keygrove/reencryption"
import { expect, test } from "vitest"
import { decryptStream, type FileKeySource } from "./decrypt-stream.ts"
import { encryptStream } from "./encrypt-stream.ts"
import { IterableSource } from "./byte-source.ts"
import { fixtureLabel } from "./file-fixture.ts"
import type { FileTools } from "./file-tools.ts"
import { readHeaderFrom } from "./read-header.ts"
import { rewrapped } from "./rotate-file.ts"

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

/** What everyone encrypts with, but counted randomness, under the label's key. */
function toolsOf(primitives: Primitives): FileTools & { readonly labelKey: Uint8Array } {
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random: countedRandom() })
  using secret = labelSecret()
  const point = primitives.curve.basePointTimesSecret(secret)
  return {
    primitives,
    encapsulate: () => {
      const { capsule, keySeed } = umbral.encapsulate(point)
      return ok({ capsule: umbral.encodeCapsule(capsule), keySeed })
    },
    labelKey: primitives.curve.encodePoint(point),
  }
}

async function make(primitives: Primitives, suite: SuiteName): Promise<Uint8Array> {
  const { labelKey, ...tools } = toolsOf(primitives)
  return await collect(encryptStream(tools, [plaintextOf(suite)], { ...fixtureLabel, labelKey, suite, signal }))
}

/** The file of one suite after its owner's rekey: a header of epoch 2, put on with counted randomness that begins anew. */
async function rotate(primitives: Primitives, file: Uint8Array): Promise<Uint8Array> {
  const { labelKey, ...tools } = toolsOf(primitives)
  await using source = new IterableSource([file], signal)
  const read = await readHeaderFrom(primitives, source)
  const label = { ...fixtureLabel, labelKey, epoch: unwrap(decodeEpoch(2)) }
  return await collect(rewrapped(tools, source, { ...read, label, options: { fileKey: fileKeyWith(primitives), signal } }))
}

/** Opens with the label's secret, as the owner's keystore does. */
function fileKeyWith(primitives: Primitives): FileKeySource {
  const umbral = createUmbral({ curve: primitives.curve, sha256: primitives.sha256, random: countedRandom() })
  return async (header, headerDigest) => {
    using secret = labelSecret()
    using seed = unwrap(umbral.openOriginal(secret, unwrap(umbral.decodeCapsule(header.capsule))))
    return deriveFileKey(primitives, seed, headerDigest)
  }
}

const platforms = [nativePrimitives, portablePrimitives].flatMap((primitives) =>
  SUITE_NAMES.map((suite) => ({ primitives, suite, name: primitives.implementation })),
)

test.each(platforms)("$name makes and opens the $suite vector", async ({ primitives, suite }) => {
  const file = vector(`${suite}.kg`)
  expect(toHex(primitives.sha256(await make(primitives, suite)))).toBe(toHex(primitives.sha256(file)))
  const opened = await collect(decryptStream(primitives, [file], { fileKey: fileKeyWith(primitives), signal }))
  expect(toHex(primitives.sha256(opened))).toBe(toHex(primitives.sha256(plaintextOf(suite))))
})

test.each([nativePrimitives, portablePrimitives])("$implementation makes and opens the rotated vector", async (primitives) => {
  const file = vector("rotated.kg")
  const made = await rotate(primitives, vector("xchacha20-poly1305.kg"))
  expect(toHex(primitives.sha256(made))).toBe(toHex(primitives.sha256(file)))
  const opened = await collect(decryptStream(primitives, [file], { fileKey: fileKeyWith(primitives), signal }))
  expect(toHex(opened)).toBe(toHex(plaintextOf("xchacha20-poly1305")))
})
