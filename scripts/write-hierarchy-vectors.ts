import { createHash, pbkdf2Sync } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { bech32m } from "@scure/base"
import { encode, rfc8949EncodeOptions } from "cborg"
import { childSecret as child, epochOf, hex, hkdf, info, point, rawPublic, scalar } from "./vectors/derivation.ts"

/**
 * Writes vectors/hierarchy/derivation.json from ARCHITECTURE.md "Keys" alone: node:crypto, cborg and bech32m, none of this repository's code, so that the
 * vectors are a second implementation and not a recording. Run once; the bytes are frozen, a change needs a new version of the format.
 */
const WORDS = `${"abandon ".repeat(23)}art`

function epoch(node: Uint8Array, number: number) {
  const { keys, secrets } = epochOf(node, number)
  const label = scalar(secrets.labels, "keygrove/v1/label", "photos/2026")
  return {
    epoch: number,
    secrets: hexes(secrets),
    keys: hexes(keys),
    label: { name: "photos/2026", secret: hex(label), key: hex(point(label)) },
  }
}

function hexes<K extends string>(fields: Readonly<Record<K, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(Object.entries<Uint8Array>(fields).map(([name, bytes]) => [name, hex(bytes)]))
}

function node(path: string, generation: number, secret: Uint8Array, epochs: readonly number[]) {
  const anchor = hkdf(secret, info("keygrove/v1/anchor"))
  return {
    path,
    generation,
    secret: hex(secret),
    anchorSeed: hex(anchor),
    anchorKey: hex(rawPublic(anchor, "70")),
    epochs: epochs.map((number) => epoch(secret, number)),
  }
}

const seed = pbkdf2Sync(WORDS, "mnemonic", 2048, 64, "sha512")
const root = hkdf(seed, info("keygrove/v1/root"))
const laptop = child(root, "laptop", 1)
const nodes = [
  node("/", 1, root, []),
  node("/laptop", 1, laptop, [1, 2]),
  node("/laptop", 2, child(root, "laptop", 2), [1]),
  node("/laptop/phone", 1, child(laptop, "phone", 1), [1]),
]
const rootAnchor = Buffer.from(nodes[0]?.anchorKey ?? "", "hex")
const cluster = createHash("sha256").update(info("keygrove/v1/cluster", rootAnchor)).digest()
const keys = nodes[1]?.epochs[0]?.keys
const payload = encode(
  [1, Buffer.from(keys?.encryptionKey ?? "", "hex"), Buffer.from(keys?.signingKey ?? "", "hex"), cluster],
  rfc8949EncodeOptions,
)
const identity = bech32m.encode("kg", bech32m.toWords(payload), false)

mkdirSync(new URL("../vectors/hierarchy/", import.meta.url), { recursive: true })
const vectors = {
  description: "ARCHITECTURE.md, Keys; bytes in hex",
  words: WORDS,
  seed: hex(seed),
  cluster: hex(cluster),
  identity,
  nodes,
}
writeFileSync(new URL("../vectors/hierarchy/derivation.json", import.meta.url), `${JSON.stringify(vectors, undefined, 2)}\n`)
