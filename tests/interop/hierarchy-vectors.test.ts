import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fromHex, Secret, toHex, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import type { Primitives } from "@keygrove/crypto"
import {
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeIdentity,
  decodeNodeName,
  decodeNodePath,
  deriveAnchor,
  deriveChild,
  deriveEpoch,
  deriveRoot,
  encodeIdentity,
  encodeRekeyStatement,
  decodeRekeyStatement,
  epochKeys,
  holdsSigningKey,
  labelSecret,
  makeRekey,
  noPreviousRekey,
  pathNames,
  type EpochSecrets,
} from "@keygrove/hierarchy"
import { describe, expect, test } from "vitest"

interface Vectors {
  readonly seed: string
  readonly cluster: string
  readonly identity: string
  readonly nodes: readonly {
    readonly path: string
    readonly generation: number
    readonly secret: string
    readonly anchorSeed: string
    readonly anchorKey: string
    readonly epochs: readonly {
      readonly epoch: number
      readonly secrets: Readonly<Record<Exclude<keyof EpochSecrets, "epoch" | typeof Symbol.dispose>, string>>
      readonly keys: Readonly<Record<"signingKey" | "encryptionKey" | "sealingKey" | "delegationKey", string>>
      readonly label: { readonly name: string; readonly secret: string; readonly key: string }
    }[]
  }[]
}

const file = readFileSync(new URL("../../vectors/hierarchy/derivation.json", import.meta.url))
const vectors: Vectors = JSON.parse(file.toString())
const secretOf = (hex: string): Secret => Secret.take(unwrap(fromHex(hex)))
const shown = (secret: Secret): string => secret.expose((bytes) => toHex(bytes))

/** s(node) by way of its parents; generations of ancestors are 1 in the vectors. */
function deriveNode(primitives: Primitives, path: string, generation: number): Secret {
  using seed = secretOf(vectors.seed)
  let node = deriveRoot(primitives, seed)
  const names = pathNames(unwrap(decodeNodePath(path)))
  for (const [depth, name] of names.entries()) {
    using parent = node
    node = deriveChild(primitives, parent, { name, generation: unwrap(decodeGeneration(depth === names.length - 1 ? generation : 1)) })
  }
  return node
}

test("the vectors are frozen", () => {
  expect(createHash("sha256").update(file).digest("hex")).toBe("03febcdafbd4d62b5fe298086c2ed7890fa9299369ceb9503fc1f486a2534a5e")
})

describe.each([
  ["native", nativePrimitives],
  ["portable", portablePrimitives],
] as const)("derivation, %s primitives", (_name, primitives) => {
  test.each(vectors.nodes)("$path, generation $generation", (vector) => {
    using node = deriveNode(primitives, vector.path, vector.generation)
    expect(shown(node)).toBe(vector.secret)
    using anchor = deriveAnchor(primitives, node)
    expect([shown(anchor.seed), toHex(anchor.publicKey)]).toEqual([vector.anchorSeed, vector.anchorKey])
    for (const expected of vector.epochs) {
      using secrets = deriveEpoch(primitives, node, unwrap(decodeEpoch(expected.epoch)))
      const { signing, encryption, delegation, sealing, storage, labels } = secrets
      const all = { signing, encryption, delegation, sealing, storage, labels }
      expect(Object.fromEntries(Object.entries(all).map(([name, secret]) => [name, shown(secret)]))).toEqual(expected.secrets)
      const { epoch, ...keys } = epochKeys(primitives, secrets)
      expect(epoch).toBe(expected.epoch)
      expect(Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, toHex(key)]))).toEqual(expected.keys)
      using label = labelSecret(primitives, labels, expected.label.name)
      expect(shown(label)).toBe(expected.label.secret)
      expect(toHex(primitives.curve.encodePoint(primitives.curve.basePointTimesSecret(label)))).toBe(expected.label.key)
    }
  })

  test("cluster id and identity", () => {
    const [root, laptop] = vectors.nodes
    const cluster = clusterIdOf(primitives, unwrap(fromHex(root?.anchorKey ?? "")))
    expect(cluster).toBe(vectors.cluster)
    const keys = laptop?.epochs[0]?.keys
    const identity = {
      encryptionKey: unwrap(fromHex(keys?.encryptionKey ?? "")),
      signingKey: unwrap(fromHex(keys?.signingKey ?? "")),
      cluster,
    }
    expect(encodeIdentity(identity)).toBe(vectors.identity)
    expect(unwrap(decodeIdentity(vectors.identity))).toEqual(identity)
  })

  test("disposing of an epoch wipes every secret of it", () => {
    using node = deriveNode(primitives, "/laptop", 1)
    const secrets = deriveEpoch(primitives, node, unwrap(decodeEpoch(1)))
    secrets[Symbol.dispose]()
    for (const secret of [secrets.signing, secrets.encryption, secrets.delegation, secrets.sealing, secrets.storage, secrets.labels])
      expect(secret.live).toBe(false)
    expect(node.live).toBe(true)
  })

  test("a rekey proves possession of its signing key, for its own node and keys only", () => {
    using node = deriveNode(primitives, "/laptop", 1)
    using secrets = deriveEpoch(primitives, node, unwrap(decodeEpoch(1)))
    const cluster = clusterIdOf(primitives, unwrap(fromHex(vectors.nodes[0]?.anchorKey ?? "")))
    const at = { cluster, path: unwrap(decodeNodePath("/laptop")) }
    const rekey = makeRekey(primitives, secrets, { ...at, generation: unwrap(decodeGeneration(1)), previous: noPreviousRekey() })
    expect(unwrap(decodeRekeyStatement(encodeRekeyStatement(rekey)))).toEqual(rekey)
    expect(holdsSigningKey(primitives, rekey, at)).toBe(true)
    expect(holdsSigningKey(primitives, rekey, { ...at, path: unwrap(decodeNodePath("/phone")) })).toBe(false)
    expect(holdsSigningKey(primitives, { ...rekey, previous: new Uint8Array(32).fill(1) }, at)).toBe(false)
  })

  test("refuses a seed that is not 64 bytes, and lengths frame names", () => {
    using short = Secret.take(new Uint8Array(32).fill(1))
    expect(() => deriveRoot(primitives, short)).toThrow(RangeError)
    using node = deriveNode(primitives, "/laptop", 1)
    using a = deriveChild(primitives, node, { name: unwrap(decodeNodeName("a")), generation: unwrap(decodeGeneration(11)) })
    using b = deriveChild(primitives, node, { name: unwrap(decodeNodeName("a1")), generation: unwrap(decodeGeneration(1)) })
    expect(a.equals(b)).toBe(false)
  })
})
