import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { secp256k1 } from "@noble/curves/secp256k1.js"
import { hex, hkdf, info } from "./vectors/derivation.ts"

/**
 * Writes vectors/pieces/sharing.json from docs/protocol/verifiable-sharing.md alone: noble's points and field, node:crypto and cborg, none of this repository's code, so
 * that the vectors are a second implementation and not a recording. Run once; the bytes are frozen, a change needs a new version of the format.
 */
const { Fn } = secp256k1.Point
const CLUSTER = "a92b76c09472179a96fa76c3243d47cf86a112ad69e2e5ec0a54607d9c42a203"

type Polynomial = readonly bigint[]

/** Public test scalars, by name. */
const scalarOf = (name: string): bigint =>
  Fn.create(BigInt(`0x${createHash("sha256").update(`keygrove piece vectors/${name}`).digest("hex")}`))
const polynomialOf = (name: string, secret: bigint, threshold: number): Polynomial => [
  secret,
  ...Array.from({ length: threshold - 1 }, (_each, degree) => scalarOf(`${name}/${degree + 1}`)),
]
const valueAt = (polynomial: Polynomial, x: number): bigint =>
  polynomial.reduceRight((value, coefficient) => Fn.add(Fn.mul(value, BigInt(x)), coefficient), 0n)
const scalarHex = (value: bigint): string => hex(Fn.toBytes(value))
const pointBytes = (value: bigint): Uint8Array => secp256k1.Point.BASE.multiply(value).toBytes(true)
const commitmentsOf = (polynomial: Polynomial): readonly Uint8Array[] => polynomial.map(pointBytes)
const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

interface Sharing {
  readonly owner: string
  readonly generation: number
  readonly polynomial: Polynomial
  readonly indices: readonly number[]
}

function idOf({ generation, owner, polynomial }: Sharing): Buffer {
  const commitments = commitmentsOf(polynomial)
  return sha256(info("keygrove/v1/sharing", Buffer.from(CLUSTER, "hex"), owner, generation, commitments.length, commitments))
}

function shown(sharing: Sharing) {
  const { generation, indices, owner, polynomial } = sharing
  return {
    owner,
    generation,
    secret: scalarHex(polynomial[0] ?? 0n),
    coefficients: polynomial.slice(1).map(scalarHex),
    commitments: commitmentsOf(polynomial).map(hex),
    id: hex(idOf(sharing)),
    pieces: indices.map((index) => ({
      index,
      value: scalarHex(valueAt(polynomial, index)),
      point: hex(pointBytes(valueAt(polynomial, index))),
    })),
  }
}

/** λᵢ at zero. */
function lagrange(indices: readonly number[], own: number): bigint {
  const others = indices.filter((index) => index !== own).map(BigInt)
  const above = others.reduce((product, other) => Fn.mul(product, other), 1n)
  const below = others.reduce((product, other) => Fn.mul(product, Fn.sub(other, BigInt(own))), 1n)
  return Fn.mul(above, Fn.inv(below))
}

function redistribution(
  from: Sharing,
  used: readonly number[],
  to: Omit<Sharing, "polynomial" | "owner"> & { readonly threshold: number },
) {
  const contributions = used.map((index) => ({
    index,
    polynomial: polynomialOf(`${from.owner}/${from.generation}/${index}`, valueAt(from.polynomial, index), to.threshold),
  }))
  const polynomial = Array.from({ length: to.threshold }, (_each, k) =>
    contributions.reduce((sum, each) => Fn.add(sum, Fn.mul(lagrange(used, each.index), each.polynomial[k] ?? 0n)), 0n),
  )
  return {
    from: hex(idOf(from)),
    contributions: contributions.map((each) => ({
      index: each.index,
      commitments: commitmentsOf(each.polynomial).map(hex),
      subpieces: to.indices.map((index) => ({ index, value: scalarHex(valueAt(each.polynomial, index)) })),
    })),
    to: shown({ owner: from.owner, generation: to.generation, polynomial, indices: to.indices }),
  }
}

/** Schnorr's proof (RFC 8235 §3) with the nonce that Keygrove derives. */
function proof(sharing: Sharing, index: number, name: string) {
  const piece = valueAt(sharing.polynomial, index)
  const challenge = sha256(Buffer.from(`challenge/${name}`))
  const entropy = sha256(Buffer.from(`entropy/${name}`))
  const about = [idOf(sharing), index, challenge] as const
  const nonce = Fn.fromBytes(hkdf(Fn.toBytes(piece), info("keygrove/v1/piece-proof-nonce", ...about, entropy, 0)))
  const commitment = pointBytes(nonce)
  const c = Fn.fromBytes(sha256(info("keygrove/v1/piece-proof", ...about, pointBytes(piece), commitment)))
  const response = Fn.sub(nonce, Fn.mul(piece, c))
  return {
    sharing: hex(idOf(sharing)),
    index,
    challenge: hex(challenge),
    entropy: hex(entropy),
    proof: hex(commitment) + scalarHex(response),
  }
}

const to = (count: number): readonly number[] => Array.from({ length: count }, (_each, place) => place + 1)
const laptop: Sharing = { owner: "/laptop", generation: 1, polynomial: polynomialOf("laptop", scalarOf("laptop"), 3), indices: to(5) }
const sharings: readonly Sharing[] = [
  laptop,
  { owner: "/laptop", generation: 2, polynomial: polynomialOf("again", scalarOf("laptop"), 2), indices: to(3) },
  // A key that begins with 31 zero bytes, and a holder with the highest index.
  { owner: "/phone", generation: 7, polynomial: polynomialOf("phone", 5n, 2), indices: [1, 128, 255] },
  { owner: "/server/disk", generation: 4_294_967_295, polynomial: polynomialOf("server", Fn.ORDER - 1n, 9), indices: to(16) },
]
const vectors = {
  description: "docs/protocol/verifiable-sharing.md; bytes in hex",
  cluster: CLUSTER,
  sharings: sharings.map(shown),
  redistributions: [
    redistribution(laptop, [1, 3, 5], { generation: 2, threshold: 4, indices: to(7) }),
    redistribution(laptop, [5, 2, 4], { generation: 3, threshold: 2, indices: [1, 2, 3] }),
  ],
  proofs: [proof(laptop, 1, "one"), proof(laptop, 5, "two"), ...sharings.slice(2, 3).map((each) => proof(each, 255, "three"))],
}
mkdirSync(new URL("../vectors/pieces/", import.meta.url), { recursive: true })
writeFileSync(new URL("../vectors/pieces/sharing.json", import.meta.url), `${JSON.stringify(vectors, undefined, 1)}\n`)
