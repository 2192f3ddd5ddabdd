import { createHash, createPrivateKey, createPublicKey, ECDH, hkdfSync, pbkdf2Sync } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { bech32m } from "@scure/base"
import { encode, rfc8949EncodeOptions } from "cborg"

/**
 * Writes vectors/hierarchy/derivation.json from ARCHITECTURE.md "Keys" alone: node:crypto, cborg and bech32m, none of this repository's code, so that the
 * vectors are a second implementation and not a recording. Run once; the bytes are frozen, a change needs a new version of the format.
 */
const WORDS = `${"abandon ".repeat(23)}art`
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const info = (...parts: readonly (string | number | Uint8Array)[]): Uint8Array => encode(parts, rfc8949EncodeOptions)
const hkdf = (secret: Uint8Array, of: Uint8Array): Buffer => Buffer.from(hkdfSync("sha256", secret, new Uint8Array(0), of, 32))

function scalar(secret: Uint8Array, ...parts: readonly (string | number)[]): Buffer {
  for (let counter = 0; ; counter++) {
    const candidate = hkdf(secret, info(...parts, counter))
    const value = BigInt(`0x${candidate.toString("hex")}`)
    if (value > 0n && value < ORDER) return candidate
  }
}

function point(secret: Uint8Array): Buffer {
  return Buffer.from(ECDH.convertKey(uncompressed(secret), "secp256k1", undefined, undefined, "compressed"))
}

function uncompressed(secret: Uint8Array): Buffer {
  // SEC1 private key (RFC 5915) with the curve's OID and no public key; OpenSSL computes it.
  const der = Buffer.concat([Buffer.from("302e0201010420", "hex"), secret, Buffer.from("a00706052b8104000a", "hex")])
  const spki = createPublicKey(createPrivateKey({ key: der, format: "der", type: "sec1" })).export({ format: "der", type: "spki" })
  return spki.subarray(-65)
}

function rawPublic(secret: Uint8Array, oidLast: "70" | "6e"): Buffer {
  const der = Buffer.concat([Buffer.from(`302e020100300506032b65${oidLast}04220420`, "hex"), secret])
  return createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }))
    .export({ format: "der", type: "spki" })
    .subarray(-32)
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

function epoch(node: Uint8Array, number: number) {
  const secret = hkdf(node, info("keygrove/v1/epoch", number))
  const key = (purpose: string): Buffer => hkdf(secret, info(`keygrove/v1/${purpose}`))
  const [signing, sealing, labels] = [key("signing"), key("sealing"), key("labels")]
  const [encryption, delegation] = [scalar(secret, "keygrove/v1/encryption"), scalar(secret, "keygrove/v1/delegation")]
  const label = scalar(labels, "keygrove/v1/label", "photos/2026")
  return {
    epoch: number,
    secrets: {
      signing: hex(signing),
      encryption: hex(encryption),
      delegation: hex(delegation),
      sealing: hex(sealing),
      storage: hex(key("storage")),
      labels: hex(labels),
    },
    keys: {
      signingKey: hex(rawPublic(signing, "70")),
      encryptionKey: hex(point(encryption)),
      sealingKey: hex(rawPublic(sealing, "6e")),
      delegationKey: hex(point(delegation)),
    },
    label: { name: "photos/2026", secret: hex(label), key: hex(point(label)) },
  }
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

const child = (parent: Uint8Array, name: string, generation: number): Buffer => hkdf(parent, info("keygrove/v1/child", name, generation))

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
