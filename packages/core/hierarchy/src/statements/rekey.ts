import { brandShape, bytesShape, decodeShape, encodeCanonical, type Result } from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import * as v from "valibot"
import type { EpochSecrets } from "../derivation.ts"
import { epochKeys } from "../derivation.ts"
import { epochKeysFields, type EpochKeys } from "../epoch-keys.ts"
import { clusterBytes, decodeGeneration, type Generation } from "../names.ts"
import type { NodeReference } from "../paths.ts"

/** A node names its keys of the next epoch. Signed by the node's anchor. */
export interface RekeyStatement {
  /** Generation whose anchor signs. */
  readonly generation: Generation
  readonly keys: EpochKeys
  /** {@link rekeyDigest} of the rekey before in this generation, 32 bytes; zeros for the first, which has epoch 1. */
  readonly previous: Uint8Array
  /** Ed25519 signature by the new signing key, 64 bytes: nobody can claim a key that another node holds. */
  readonly possession: Uint8Array
}

/** What a rekey says besides its keys. */
export interface RekeySubject extends NodeReference {
  readonly generation: Generation
  /** 32 bytes, see {@link RekeyStatement.previous}. */
  readonly previous: Uint8Array
}

/** Longest encoded form in bytes. */
export const MAX_REKEY_STATEMENT_BYTES = 512

/** `previous` of a generation's first rekey: 32 zero bytes. A fresh copy. */
export function noPreviousRekey(): Uint8Array {
  return new Uint8Array(32)
}

const shape = v.strictObject({
  generation: brandShape(decodeGeneration),
  keys: v.strictObject(epochKeysFields),
  previous: bytesShape(32),
  possession: bytesShape(64),
})

/** Canonical CBOR of the statement. */
export function encodeRekeyStatement(statement: RekeyStatement): Uint8Array {
  const { generation, keys, previous, possession } = statement
  return encodeCanonical({ generation, keys: keysValue(keys), previous, possession })
}

/** Strict inverse of {@link encodeRekeyStatement}. Possession is checked by {@link holdsSigningKey}. */
export function decodeRekeyStatement(bytes: Uint8Array): Result<RekeyStatement, "STATEMENT_INVALID"> {
  return decodeShape(bytes, { shape, maxBytes: MAX_REKEY_STATEMENT_BYTES, code: "STATEMENT_INVALID", noun: "rekey statement" })
}

/** SHA-256 of the encoded statement: what the next rekey names as `previous`. 32 bytes. */
export function rekeyDigest(primitives: Pick<Primitives, "sha256">, statement: RekeyStatement): Uint8Array {
  return primitives.sha256(encodeRekeyStatement(statement))
}

/** Makes the rekey statement of an epoch from its secrets; the caller signs it as a ledger entry with the anchor. */
export function makeRekey(primitives: Primitives, secrets: EpochSecrets, subject: RekeySubject): RekeyStatement {
  const keys = epochKeys(primitives, secrets)
  const { generation, previous } = subject
  return { generation, keys, previous, possession: primitives.ed25519.sign(secrets.signing, possessionMessage(subject, keys)) }
}

/** Whether the author of the rekey holds its new signing key. */
export function holdsSigningKey(primitives: Pick<Primitives, "ed25519">, statement: RekeyStatement, node: NodeReference): boolean {
  const message = possessionMessage({ ...node, generation: statement.generation, previous: statement.previous }, statement.keys)
  return primitives.ed25519.verify(statement.keys.signingKey, message, statement.possession)
}

function possessionMessage(subject: RekeySubject, keys: EpochKeys): Uint8Array {
  return encodeInfo([
    "keygrove/v1/rekey-possession",
    clusterBytes(subject.cluster),
    subject.path,
    subject.generation,
    subject.previous,
    keysValue(keys),
  ])
}

function keysValue(keys: EpochKeys): Readonly<Record<keyof EpochKeys, Uint8Array | number>> {
  const { epoch, signingKey, encryptionKey, sealingKey, delegationKey } = keys
  return { epoch, signingKey, encryptionKey, sealingKey, delegationKey }
}
