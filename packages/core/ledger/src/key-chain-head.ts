import { brandShape, bytesShape, decodeShape, encodeCanonical, equalBytes, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { clusterBytes, decodeClusterBytes, decodeNodePath, ROOT_PATH, type NodePath } from "@keygrove/hierarchy"
import * as v from "valibot"
import type { Author } from "./entry.ts"
import { decodeLedgerIndex, type LedgerHead } from "./head.ts"
import type { KeyChain } from "./key-chain.ts"
import { findNode, hasKeys } from "./state.ts"

/** How far a key chain goes, said and signed by a node of the cluster with its current signing key, or by the root with its anchor. */
export interface KeyChainHead extends LedgerHead {
  readonly author: Author
  /** Ed25519, 64 bytes, over {@link keyChainHeadSignBytes}. */
  readonly signature: Uint8Array
}

/** Codes of {@link verifyKeyChainHead}. */
export type KeyChainHeadRefusal = "KEY_CHAIN_HEAD_INVALID" | "KEY_CHAIN_HEAD_WRONG" | "KEY_CHAIN_SIGNER_UNKNOWN"

/** Longest encoded form in bytes. */
export const MAX_KEY_CHAIN_HEAD_BYTES = 640

const VERSION = 1

const shape = v.strictObject({
  v: v.literal(VERSION),
  length: brandShape(decodeLedgerIndex),
  hash: bytesShape(32),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  key: bytesShape(32),
  sig: bytesShape(64),
})

/** What the author signs: info("keygrove/v1/key-chain", length, hash, cluster, path, key). */
export function keyChainHeadSignBytes({ author, hash, length }: Omit<KeyChainHead, "signature">): Uint8Array {
  return encodeInfo(["keygrove/v1/key-chain", length, hash, clusterBytes(author.cluster), author.path, author.key])
}

/** Canonical CBOR of a head. */
export function encodeKeyChainHead({ author, hash, length, signature }: KeyChainHead): Uint8Array {
  const { cluster, key, path } = author
  return encodeCanonical({ v: VERSION, length, hash, cluster: clusterBytes(cluster), path, key, sig: signature })
}

/** Strict inverse of {@link encodeKeyChainHead}; the signature is checked by {@link verifyKeyChainHead}. */
export function decodeKeyChainHead(bytes: Uint8Array): Result<KeyChainHead, "KEY_CHAIN_HEAD_INVALID"> {
  const decoded = decodeShape(bytes, {
    shape,
    maxBytes: MAX_KEY_CHAIN_HEAD_BYTES,
    code: "KEY_CHAIN_HEAD_INVALID",
    noun: "head of a key chain",
  })
  if (!decoded.ok) return decoded
  const { cluster, hash, key, length, path, sig } = decoded.value
  return ok({ length, hash, author: { cluster, path, key }, signature: sig })
}

/** Whether a head closes a chain: it names the chain's length and hash, and its author is a node at the chain's end. */
export function verifyKeyChainHead(
  primitives: Pick<Primitives, "ed25519">,
  chain: KeyChain,
  head: KeyChainHead,
): Result<true, KeyChainHeadRefusal> {
  const { author, hash, length, signature } = head
  if (!primitives.ed25519.verify(author.key, keyChainHeadSignBytes(head), signature))
    return unbelieved("KEY_CHAIN_HEAD_INVALID", `the signature of ${author.path} over its head does not hold`)
  if (length !== chain.head.length || !equalBytes(hash, chain.head.hash))
    return unbelieved("KEY_CHAIN_HEAD_WRONG", `its head is of ${length} entries, and those here are ${chain.head.length} or others`)
  const key = author.cluster === chain.cluster ? keyOf(chain, author.path) : undefined
  return key !== undefined && equalBytes(key, author.key)
    ? ok(true)
    : unbelieved("KEY_CHAIN_SIGNER_UNKNOWN", `${author.path} is not a node at its end, or has another key there`)
}

function keyOf({ cluster, state }: KeyChain, path: NodePath): Uint8Array | undefined {
  const node = findNode(state, { cluster, path })
  if (node === undefined) return undefined
  if (path === ROOT_PATH) return node.anchorKey
  return hasKeys(node) ? node.keys.signingKey : undefined
}

function unbelieved(code: KeyChainHeadRefusal, why: string): Refusal<KeyChainHeadRefusal> {
  return refuse(code, `the key chain is not believed: ${why}`)
}
