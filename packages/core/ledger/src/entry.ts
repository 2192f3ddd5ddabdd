import {
  brandShape,
  bytesShape,
  bytesWithinShape,
  decodeShape,
  encodeCanonical,
  ok,
  refuse,
  type Refusal,
  type Result,
} from "@keygrove/base"
import { encodeInfo, type Primitives } from "@keygrove/crypto"
import { clusterBytes, decodeClusterBytes, decodeNodePath, type NodeReference } from "@keygrove/hierarchy"
import * as v from "valibot"
import { MAX_ENTRY_BYTES } from "./limits.ts"
import { decodeStatement, encodeStatement, isStatementKind, scopeOfKind, type Scope, type Statement } from "./statement.ts"

/** Who writes: a node and the Ed25519 key (32 bytes) it signs with, its anchor or its signing key as the kind demands. */
export interface Author extends NodeReference {
  readonly key: Uint8Array
}

/** An entry before it is signed. */
export interface UnsignedEntry {
  readonly scope: Scope
  readonly kind: string
  /** Canonical CBOR of the statement's body. */
  readonly body: Uint8Array
  readonly author: Author
}

/** One signed statement of a ledger. */
export interface Entry extends UnsignedEntry {
  /** The decoded statement; `undefined` for a kind that this version does not know. */
  readonly statement: Statement | undefined
  /** Ed25519, 64 bytes, over {@link entrySignBytes}. */
  readonly signature: Uint8Array
}

const VERSION = 1

const shape = v.strictObject({
  v: v.literal(VERSION),
  scope: v.picklist(["cluster", "network"]),
  kind: v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,31}$/)),
  body: bytesWithinShape(1, MAX_ENTRY_BYTES),
  cluster: brandShape(decodeClusterBytes),
  path: brandShape(decodeNodePath),
  key: bytesShape(32),
  sig: bytesShape(64),
})

/** The entry of a statement, ready to be signed. */
export function draftEntry(statement: Statement, author: Author): UnsignedEntry {
  return { scope: scopeOfKind[statement.kind], kind: statement.kind, body: encodeStatement(statement), author }
}

/** What the author signs: info("keygrove/v1/entry", scope, kind, body bytes, cluster, path, key). */
export function entrySignBytes(entry: UnsignedEntry): Uint8Array {
  const { scope, kind, body, author } = entry
  return encodeInfo(["keygrove/v1/entry", scope, kind, body, clusterBytes(author.cluster), author.path, author.key])
}

/** Canonical CBOR of a draft with its signature: what engines store and chain. */
export function encodeEntry(entry: UnsignedEntry & { readonly signature: Uint8Array }): Uint8Array {
  const { scope, kind, body, author, signature } = entry
  return encodeCanonical({
    v: VERSION,
    scope,
    kind,
    body,
    cluster: clusterBytes(author.cluster),
    path: author.path,
    key: author.key,
    sig: signature,
  })
}

/** Decodes an entry and its statement; its signature is checked by {@link verifyEntry}. */
export function decodeEntry(bytes: Uint8Array): Result<Entry, "ENTRY_INVALID"> {
  const decoded = decodeShape(bytes, { shape, maxBytes: MAX_ENTRY_BYTES, code: "ENTRY_INVALID", noun: "ledger entry" })
  if (!decoded.ok) return decoded
  const { scope, kind, body, cluster, path, key, sig } = decoded.value
  const rest = { scope, kind, body, author: { cluster, path, key }, signature: sig }
  if (!isStatementKind(kind)) return ok({ ...rest, statement: undefined })
  if (scope !== scopeOfKind[kind])
    return refuse("ENTRY_INVALID", `ledger entry: a ${kind} statement has scope ${scopeOfKind[kind]}, not ${scope}`)
  const statement = decodeStatement(kind, body)
  return statement.ok ? ok({ ...rest, statement: statement.value }) : refuse("ENTRY_INVALID", `ledger entry: ${statement.message}`)
}

/** Decodes an entry and checks its signature: what every engine does before it appends, and every reader before it believes. */
export function verifyEntry(primitives: Pick<Primitives, "ed25519">, bytes: Uint8Array): Result<Entry, "ENTRY_INVALID"> {
  const decoded = decodeEntry(bytes)
  if (!decoded.ok) return decoded
  const entry = decoded.value
  if (primitives.ed25519.verify(entry.author.key, entrySignBytes(entry), entry.signature)) return decoded
  return badSignature(entry)
}

/** Why an entry is not believed that somebody else has signed, or nobody. */
export function badSignature({ author, kind }: Pick<Entry, "author" | "kind">): Refusal<"ENTRY_INVALID"> {
  return refuse("ENTRY_INVALID", `ledger entry: the signature of ${author.path} over a ${kind} statement does not hold`)
}
