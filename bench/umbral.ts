import { createRequire } from "node:module"
import { nativeCurve } from "@keygrove/curves-native"
import * as ours from "keygrove/umbral"

const require = createRequire(import.meta.url)
/** The rival: the reference's WebAssembly build (GPL-3, never shipped). */
const rival: typeof ours = require("@nucypher/umbral-pre")

/** Samples of each operation; all sides take turns, so that a slow moment of the machine slows all of them. */
const SAMPLES = 60
const SAMPLE_MS = 15
/** Which sample counts, from slow to fast: three quarters of the way, where other work on the machine disturbs little. */
const QUANTILE = 0.75

type Library = typeof ours
type Operation = () => unknown

interface Contest {
  readonly name: string
  /** How many times the rival's speed is owed. */
  readonly bar: number
  readonly prepare: (library: Library) => Operation
}

const message = new Uint8Array(32)
const secret = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

function party(library: Library): {
  readonly owner: ours.SecretKey
  readonly reader: ours.SecretKey
  readonly signer: ours.Signer
} {
  return {
    owner: library.SecretKey.fromBEBytes(secret(1)),
    reader: library.SecretKey.fromBEBytes(secret(2)),
    signer: new library.Signer(library.SecretKey.fromBEBytes(secret(3))),
  }
}

function generate(library: Library, threshold: number, shares: number): Operation {
  const { owner, reader, signer } = party(library)
  const receiving = reader.publicKey()
  return () => library.generateKFrags(owner, receiving, signer, threshold, shares, true, true)
}

function decrypt(library: Library, threshold: number, shares: number): Operation {
  const { owner, reader, signer } = party(library)
  const delegating = owner.publicKey()
  const [capsule, ciphertext] = library.encrypt(delegating, message)
  const fragments = library.generateKFrags(owner, reader.publicKey(), signer, threshold, shares, true, true).slice(0, threshold)
  const bytes = fragments.map((fragment) => library.reencrypt(capsule, fragment).toBytes())
  const keys = [signer.verifyingKey(), owner.publicKey(), reader.publicKey()] as const
  const verified = bytes.map((each) => library.CapsuleFrag.fromBytes(each).verify(capsule, ...keys))
  return () => {
    // The rival consumes the list that it is given, not its elements.
    return library.decryptReencrypted(reader, delegating, capsule, [...verified], ciphertext)
  }
}

const contests: readonly Contest[] = [
  {
    name: "encrypt",
    bar: 1,
    prepare: (library) => {
      const key = party(library).owner.publicKey()
      return () => library.encrypt(key, message)
    },
  },
  { name: "generate 3 of 5", bar: 1, prepare: (library) => generate(library, 3, 5) },
  { name: "generate 10 of 16", bar: 3, prepare: (library) => generate(library, 10, 16) },
  {
    name: "parse and verify key fragment",
    bar: 1,
    prepare: (library) => {
      const { owner, reader, signer } = party(library)
      const [fragment] = library.generateKFrags(owner, reader.publicKey(), signer, 1, 1, true, true)
      const bytes = fragment?.toBytes() ?? new Uint8Array(0)
      const keys = [signer.verifyingKey(), owner.publicKey(), reader.publicKey()] as const
      return () => library.KeyFrag.fromBytes(bytes).verify(...keys)
    },
  },
  {
    name: "re-encrypt",
    bar: 2,
    prepare: (library) => {
      const { owner, reader, signer } = party(library)
      const [capsule] = library.encrypt(owner.publicKey(), message)
      const [fragment] = library.generateKFrags(owner, reader.publicKey(), signer, 1, 1, true, true)
      if (fragment === undefined) throw new TypeError("no fragment")
      return () => library.reencrypt(capsule, fragment)
    },
  },
  {
    name: "parse and verify capsule fragment",
    bar: 1,
    prepare: (library) => {
      const { owner, reader, signer } = party(library)
      const [capsule] = library.encrypt(owner.publicKey(), message)
      const [fragment] = library.generateKFrags(owner, reader.publicKey(), signer, 1, 1, true, true)
      if (fragment === undefined) throw new TypeError("no fragment")
      const bytes = library.reencrypt(capsule, fragment).toBytes()
      const keys = [signer.verifyingKey(), owner.publicKey(), reader.publicKey()] as const
      return () => library.CapsuleFrag.fromBytes(bytes).verify(capsule, ...keys)
    },
  },
  { name: "decrypt 3 of 5", bar: 1, prepare: (library) => decrypt(library, 3, 5) },
  { name: "decrypt 10 of 16", bar: 3, prepare: (library) => decrypt(library, 10, 16) },
]

/** The physical limit of a re-encryption: five multiplications of the binding, nothing else. */
function fiveMultiplications(): Operation {
  const key = ours.SecretKey.fromBEBytes(secret(5))
  const { point } = key.publicKey()
  return () => {
    for (let count = 0; count < 5; count++) nativeCurve.multiplySecret(point, key.secret)
  }
}

/** Operations a second of each, by samples taken in turns. */
function measure(operations: readonly Operation[]): readonly number[] {
  const rates = operations.map((): number[] => [])
  for (let sample = 0; sample <= SAMPLES; sample++) {
    operations.forEach((operation, index) => {
      const started = performance.now()
      let count = 0
      while (performance.now() - started < SAMPLE_MS) {
        operation()
        count++
      }
      if (sample > 0) rates[index]?.push((count * 1000) / (performance.now() - started))
    })
  }
  return rates.map((each) => each.toSorted((a, b) => a - b)[Math.floor(each.length * QUANTILE)] ?? Number.NaN)
}

function main(): number {
  let failed = 0
  const line = (name: string, text: string, met: boolean): void => {
    if (!met) failed++
    process.stdout.write(`${name.padEnd(34)} ${text}  ${met ? "met" : "MISSED"}\n`)
  }
  for (const { bar, name, prepare } of contests) {
    const isReencryption = name === "re-encrypt"
    const [own = 0, other = 0, limit = 0] = measure([prepare(ours), prepare(rival), ...(isReencryption ? [fiveMultiplications()] : [])])
    line(
      name,
      `${own.toFixed(0).padStart(7)}/s  umbral-pre ${other.toFixed(0).padStart(6)}/s  ${(own / other).toFixed(2)}× (bar ${bar}×)`,
      own >= bar * other,
    )
    if (isReencryption)
      line("  of five multiplications", `${limit.toFixed(0).padStart(7)}/s  ${(own / limit).toFixed(2)} (bar 0.85)`, own >= 0.85 * limit)
  }
  return failed === 0 ? 0 : 1
}

process.exitCode = main()
