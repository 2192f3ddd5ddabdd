import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { encodeInfo, isStrictEd25519Input, type Ed25519, type Primitives } from "@keygrove/crypto"
import {
  clusterBytes,
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  decodeTimestamp,
  encodeRekeyStatement,
  noPreviousRekey,
  ROOT_PATH,
  type ClusterId,
  type EpochKeys,
  type NodePath,
  type NodeRevocation,
  type RekeyStatement,
} from "@keygrove/hierarchy"
import type { PolicyGrant } from "@keygrove/reencryption"
import { emptyLedger, foldEntry, type FoldedLedger } from "./chain.ts"
import { draftEntry, encodeEntry, entrySignBytes, type Author } from "./entry.ts"
import type { Statement } from "./statement.ts"

const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex")
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex")

/** Properties fold the same entries thousands of times; whether a signature holds does not change. */
const verdicts = new Map<string, boolean>()

const ed25519: Ed25519 = {
  publicKey: (seed) => rawPublicKey(privateKey(seed)),
  sign: (seed, message) => sign(null, message, privateKey(seed)),
  verify: (key, message, signature) => {
    const question = Buffer.concat([key, signature, message]).toString("latin1")
    const known = verdicts.get(question)
    if (known !== undefined) return known
    const publicKey = Buffer.concat([SPKI_PREFIX, key])
    const holds =
      isStrictEd25519Input(key, signature) &&
      verify(null, message, createPublicKey({ key: publicKey, format: "der", type: "spki" }), signature)
    verdicts.set(question, holds)
    return holds
  },
}

/** What ledgers need of {@link Primitives}, by node:crypto, so that tests of core and of engines need no adapter. */
export const kitPrimitives: Pick<Primitives, "ed25519" | "sha256"> = {
  ed25519,
  sha256: (...parts) => {
    const hash = createHash("sha256")
    for (const part of parts) hash.update(part)
    return new Uint8Array(hash.digest())
  },
}

/** 32 public test bytes that depend on the name only. */
export function kitBytes(name: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(name).digest())
}

/** A compressed-point-shaped key; ledgers do not compute with it. */
export function kitPoint(name: string): Uint8Array {
  return Uint8Array.of(2, ...kitBytes(name))
}

/** A test node: keys are named, so histories are the same in every run. */
export interface KitNode {
  readonly cluster: ClusterId
  readonly path: NodePath
  readonly generation: number
}

/** The seed of a test key. */
export function kitSeed(name: string): Secret {
  return Secret.take(kitBytes(`seed of ${name}`))
}

/** The public key of a test key. */
export function kitKey(name: string): Uint8Array {
  using seed = kitSeed(name)
  return ed25519.publicKey(seed)
}

/** The root node of a named test cluster. */
export function kitRoot(name: string): KitNode {
  const cluster = clusterIdOf(kitPrimitives, kitKey(`root ${name}`))
  roots.set(cluster, `root ${name}`)
  return { cluster, path: ROOT_PATH, generation: 1 }
}

/** A node of the same cluster. */
export function kitChild(parent: KitNode, path: string, generation = 1): KitNode {
  return { cluster: parent.cluster, path: unwrap(decodeNodePath(path)), generation }
}

const roots = new Map<ClusterId, string>()

/** Name of a node's anchor key. */
export function anchorName(node: KitNode): string {
  return node.path === ROOT_PATH ? (roots.get(node.cluster) ?? "unknown") : `anchor ${node.cluster} ${node.path} ${node.generation}`
}

/** Name of a node's signing key in an epoch. */
export function signingName(node: KitNode, epoch: number): string {
  return `signing ${node.cluster} ${node.path} ${node.generation} ${epoch}`
}

/** A node's public keys in an epoch. */
export function kitEpochKeys(node: KitNode, epoch: number): EpochKeys {
  const name = signingName(node, epoch)
  const point = (purpose: string): Uint8Array => kitPoint(`${purpose} ${name}`)
  const signingKey = kitKey(name)
  return {
    epoch: unwrap(decodeEpoch(epoch)),
    signingKey,
    encryptionKey: point("encryption"),
    sealingKey: kitBytes(`sealing ${name}`),
    delegationKey: point("delegation"),
  }
}

/** An encoded entry, signed by the named key. */
export function kitEntry(statement: Statement, node: KitNode, keyName: string): Uint8Array {
  using seed = kitSeed(keyName)
  const author: Author = { cluster: node.cluster, path: node.path, key: ed25519.publicKey(seed) }
  const draft = draftEntry(statement, author)
  return encodeEntry({ ...draft, signature: ed25519.sign(seed, entrySignBytes(draft)) })
}

/** The entry by which a root announces its cluster. */
export function clusterEntry(root: KitNode): Uint8Array {
  return kitEntry({ kind: "cluster", body: { anchorKey: kitKey(anchorName(root)) } }, root, anchorName(root))
}

/** The entry by which a parent certifies a child. */
export function nodeEntry(parent: KitNode, child: KitNode): Uint8Array {
  const body = { path: child.path, generation: unwrap(decodeGeneration(child.generation)), anchorKey: kitKey(anchorName(child)) }
  return kitEntry({ kind: "node", body }, parent, anchorName(parent))
}

/** A node's rekey to an epoch, chained to the one before. */
export function kitRekey(node: KitNode, epoch: number): RekeyStatement {
  const keys = kitEpochKeys(node, epoch)
  const generation = unwrap(decodeGeneration(node.generation))
  const previous = epoch <= 1 ? noPreviousRekey() : kitPrimitives.sha256(encodeRekeyStatement(kitRekey(node, epoch - 1)))
  using seed = kitSeed(signingName(node, epoch))
  // Written out once more instead of calling the code under test: this is the twin of `makeRekey`.
  const message = encodeInfo(["keygrove/v1/rekey-possession", clusterBytes(node.cluster), node.path, generation, previous, { ...keys }])
  return { generation, keys, previous, possession: ed25519.sign(seed, message) }
}

/** The entry of {@link kitRekey}. */
export function rekeyEntry(node: KitNode, epoch: number): Uint8Array {
  return kitEntry({ kind: "rekey", body: kitRekey(node, epoch) }, node, anchorName(node))
}

/** The entry by which an ancestor ends a node. */
export function nodeRevokedEntry(
  ancestor: KitNode,
  node: KitNode,
  more: Partial<Pick<NodeRevocation, "reason" | "lastGood" | "isLast">> = {},
): Uint8Array {
  const body = { path: node.path, generation: unwrap(decodeGeneration(node.generation)), reason: "compromised" as const, ...more }
  return kitEntry({ kind: "node-revoked", body }, ancestor, anchorName(ancestor))
}

/** The entry by which an ancestor orders a node to rekey. */
export function orderEntry(ancestor: KitNode, node: KitNode, epoch: number): Uint8Array {
  const body = { path: node.path, generation: unwrap(decodeGeneration(node.generation)), epoch: unwrap(decodeEpoch(epoch)) }
  return kitEntry({ kind: "rekey-ordered", body }, ancestor, anchorName(ancestor))
}

/** The entry by which a root steps down for another. */
export function rootReplacedEntry(root: KitNode, successor: KitNode): Uint8Array {
  const body = { successor: successor.cluster, anchorKey: kitKey(anchorName(successor)) }
  return kitEntry({ kind: "root-replaced", body }, root, anchorName(root))
}

/** The entry by which a node, in epoch 1, says that its cluster trusts that of a root. */
export function trustEntry(node: KitNode, other: KitNode, revision: number): Uint8Array {
  const body = { cluster: other.cluster, anchorKey: kitKey(anchorName(other)), revision }
  return kitEntry({ kind: "trust", body }, node, signingName(node, 1))
}

/** The entry by which a node, in epoch 1, ends that trust. */
export function trustRemovedEntry(node: KitNode, other: KitNode, revision: number): Uint8Array {
  return kitEntry({ kind: "trust-removed", body: { cluster: other.cluster, revision } }, node, signingName(node, 1))
}

/** The entry by which a node offers to be a proxy. */
export function termsEntry(node: KitNode, epoch: number, revision: number): Uint8Array {
  const body = { revision, until: unwrap(decodeTimestamp(4_102_444_800_000)), capacity: 100, addresses: ["/ip4/127.0.0.1/tcp/7000"] }
  return kitEntry({ kind: "proxy-terms", body }, node, signingName(node, epoch))
}

/** A grant by `owner` in its epoch to proxies in theirs. */
export function kitGrant(
  name: string,
  owner: { readonly node: KitNode; readonly epoch: number },
  proxies: readonly { readonly node: KitNode; readonly epoch: number }[],
): PolicyGrant {
  const keys = kitEpochKeys(owner.node, owner.epoch)
  return {
    policyId: kitBytes(`policy ${name}`),
    scheme: "umbral",
    epoch: keys.epoch,
    labelKey: kitPoint(`label ${name}`),
    delegationKey: keys.delegationKey,
    reader: { encryptionKey: kitPoint(`reader ${name}`), signingKey: kitKey(`reader ${name}`) },
    threshold: 1,
    expiresAt: unwrap(decodeTimestamp(4_102_444_800_000)),
    proxies: proxies.map(({ node, epoch }) => ({
      cluster: node.cluster,
      path: node.path,
      signingKey: kitKey(signingName(node, epoch)),
      fragmentDigest: kitBytes(`fragment ${name} ${node.cluster} ${node.path}`),
    })),
  }
}

/** Folds a log; verdicts as words. */
export function kitFold(
  entries: readonly Uint8Array[],
  from: FoldedLedger = emptyLedger(),
): { readonly ledger: FoldedLedger; readonly verdicts: readonly string[] } {
  let ledger = from
  const verdicts: string[] = []
  for (const bytes of entries) {
    const folded = unwrap(foldEntry(kitPrimitives, ledger, bytes))
    const { verdict } = folded.judged
    verdicts.push(verdict.kind === "applied" ? "applied" : verdict.reason)
    ledger = folded.ledger
  }
  return { ledger, verdicts }
}

/** A log of `count` valid entries for tests of engines: one cluster, one node and its terms, revised again and again. */
export function kitLog(count: number, name = "log"): readonly Uint8Array[] {
  const root = kitRoot(name)
  const node = kitChild(root, "/laptop")
  const opening = [clusterEntry(root), nodeEntry(root, node), rekeyEntry(node, 1)]
  return Array.from({ length: count }, (_, index) => opening[index] ?? termsEntry(node, 1, index))
}

function privateKey(seed: Secret): KeyObject {
  return seed.expose((bytes) => createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: "der", type: "pkcs8" }))
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(SPKI_PREFIX.length))
}
