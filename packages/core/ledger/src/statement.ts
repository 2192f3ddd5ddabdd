import { ok, unreachable, type Result } from "@keygrove/base"
import {
  decodeClusterStatement,
  decodeNodeCertificate,
  decodeNodeRevocation,
  decodeRekeyOrder,
  decodeRekeyStatement,
  decodeRootReplacement,
  decodeTrustRemoval,
  decodeTrustStatement,
  encodeClusterStatement,
  encodeNodeCertificate,
  encodeNodeRevocation,
  encodeRekeyOrder,
  encodeRekeyStatement,
  encodeRootReplacement,
  encodeTrustRemoval,
  encodeTrustStatement,
  type ClusterStatement,
  type NodeCertificate,
  type NodeRevocation,
  type RekeyOrder,
  type RekeyStatement,
  type RootReplacement,
  type TrustRemoval,
  type TrustStatement,
} from "@keygrove/hierarchy"
import {
  decodeCustodyStatement,
  encodeCustodyStatement,
  isCustodyKind,
  isCustodyRemoval,
  isCustodyStatement,
  type CustodyStatement,
} from "@keygrove/pieces"
import {
  decodePolicyGrant,
  decodePolicyRevocation,
  decodeProxyTerms,
  encodePolicyGrant,
  encodePolicyRevocation,
  encodeProxyTerms,
  type PolicyGrant,
  type PolicyRevocation,
  type ProxyTerms,
} from "@keygrove/reencryption"

/** What an entry can say, by kind. */
export type Statement =
  | { readonly kind: "cluster"; readonly body: ClusterStatement }
  | { readonly kind: "node"; readonly body: NodeCertificate }
  | { readonly kind: "rekey"; readonly body: RekeyStatement }
  | { readonly kind: "rekey-ordered"; readonly body: RekeyOrder }
  | { readonly kind: "node-revoked"; readonly body: NodeRevocation }
  | { readonly kind: "root-replaced"; readonly body: RootReplacement }
  | { readonly kind: "trust"; readonly body: TrustStatement }
  | { readonly kind: "trust-removed"; readonly body: TrustRemoval }
  | { readonly kind: "proxy-terms"; readonly body: ProxyTerms }
  | { readonly kind: "policy-granted"; readonly body: PolicyGrant }
  | { readonly kind: "policy-revoked"; readonly body: PolicyRevocation }
  | CustodyStatement

export type StatementKind = Statement["kind"]

/** `cluster`: membership. `network`: what concerns nodes of other clusters too. */
export type Scope = "cluster" | "network"

/** The scope every entry of a kind has. */
export const scopeOfKind: Readonly<Record<StatementKind, Scope>> = {
  cluster: "cluster",
  node: "cluster",
  rekey: "cluster",
  "rekey-ordered": "cluster",
  "node-revoked": "cluster",
  "root-replaced": "cluster",
  trust: "cluster",
  "trust-removed": "cluster",
  "custody-joined": "cluster",
  "custody-left": "cluster",
  "generation-started": "cluster",
  "generation-aborted": "cluster",
  "pieces-shared": "cluster",
  "redistribution-started": "cluster",
  "pieces-redistributed": "cluster",
  "pieces-held": "cluster",
  "pieces-wiped": "cluster",
  "proxy-terms": "network",
  "policy-granted": "network",
  "policy-revoked": "network",
}

/** Whether this version knows the kind; an entry of another kind is void, so that older nodes survive newer ones. */
export function isStatementKind(kind: string): kind is StatementKind {
  return Object.hasOwn(scopeOfKind, kind)
}

/** All kinds that this version knows, sorted. */
export function knownKinds(): readonly string[] {
  return Object.keys(scopeOfKind).toSorted()
}

const removals: ReadonlySet<string> = new Set(["policy-revoked", "node-revoked", "root-replaced", "trust-removed"])

/** Whether a kind removes something: no limit ever blocks it. */
export function isRemoval(kind: string): boolean {
  return removals.has(kind) || isCustodyRemoval(kind)
}

/** The body's canonical bytes. */
export function encodeStatement(statement: Statement): Uint8Array {
  if (isCustodyStatement(statement)) return encodeCustodyStatement(statement)
  switch (statement.kind) {
    case "cluster":
      return encodeClusterStatement(statement.body)
    case "node":
      return encodeNodeCertificate(statement.body)
    case "rekey":
      return encodeRekeyStatement(statement.body)
    case "rekey-ordered":
      return encodeRekeyOrder(statement.body)
    case "node-revoked":
      return encodeNodeRevocation(statement.body)
    case "root-replaced":
      return encodeRootReplacement(statement.body)
    case "trust":
      return encodeTrustStatement(statement.body)
    case "trust-removed":
      return encodeTrustRemoval(statement.body)
    case "proxy-terms":
      return encodeProxyTerms(statement.body)
    case "policy-granted":
      return encodePolicyGrant(statement.body)
    case "policy-revoked":
      return encodePolicyRevocation(statement.body)
    default:
      return unreachable(statement)
  }
}

/** Decodes the body of a known kind. */
export function decodeStatement(kind: StatementKind, bytes: Uint8Array): Result<Statement, "STATEMENT_INVALID"> {
  if (isCustodyKind(kind)) return decodeCustodyStatement(kind, bytes)
  switch (kind) {
    case "cluster":
      return withKind(decodeClusterStatement(bytes), (body) => ({ kind, body }))
    case "node":
      return withKind(decodeNodeCertificate(bytes), (body) => ({ kind, body }))
    case "rekey":
      return withKind(decodeRekeyStatement(bytes), (body) => ({ kind, body }))
    case "rekey-ordered":
      return withKind(decodeRekeyOrder(bytes), (body) => ({ kind, body }))
    case "node-revoked":
      return withKind(decodeNodeRevocation(bytes), (body) => ({ kind, body }))
    case "root-replaced":
      return withKind(decodeRootReplacement(bytes), (body) => ({ kind, body }))
    case "trust":
      return withKind(decodeTrustStatement(bytes), (body) => ({ kind, body }))
    case "trust-removed":
      return withKind(decodeTrustRemoval(bytes), (body) => ({ kind, body }))
    case "proxy-terms":
      return withKind(decodeProxyTerms(bytes), (body) => ({ kind, body }))
    case "policy-granted":
      return withKind(decodePolicyGrant(bytes), (body) => ({ kind, body }))
    case "policy-revoked":
      return withKind(decodePolicyRevocation(bytes), (body) => ({ kind, body }))
    default:
      return unreachable(kind)
  }
}

function withKind<T>(body: Result<T, "STATEMENT_INVALID">, wrap: (body: T) => Statement): Result<Statement, "STATEMENT_INVALID"> {
  return body.ok ? ok(wrap(body.value)) : body
}
