import { fromHex, ok, refuse, toHex, type Result } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { clusterIdOf } from "./derivation.ts"
import { decodeClusterId, type ClusterId } from "./names.ts"

/** What a recovery sheet's QR code says of a root. Public. */
export interface RootFacts {
  readonly cluster: ClusterId
  /** Ed25519, 32 bytes; {@link RootFacts.cluster} is its fingerprint. */
  readonly anchorKey: Uint8Array
}

const FORM = /^keygrove:root\?cluster=([0-9a-f]{64})&anchor=([0-9a-f]{64})$/

/** `keygrove:root?cluster=…&anchor=…`, 64 hex digits each (docs/protocol/recovery.md). */
export function encodeRootUri({ anchorKey, cluster }: RootFacts): string {
  return `keygrove:root?cluster=${cluster}&anchor=${toHex(anchorKey)}`
}

/** Strict inverse of {@link encodeRootUri}; the cluster must be that of the anchor. */
export function decodeRootUri(primitives: Pick<Primitives, "sha256">, text: string): Result<RootFacts, "ROOT_URI_INVALID"> {
  const [, digits = "", key = ""] = FORM.exec(text) ?? []
  const cluster = decodeClusterId(digits)
  const anchorKey = fromHex(key)
  if (!cluster.ok || !anchorKey.ok || key === "")
    return refuse("ROOT_URI_INVALID", "a root's address is keygrove:root?cluster=…&anchor=… with 64 hex digits each; scan the sheet again")
  const found = clusterIdOf(primitives, anchorKey.value)
  if (found !== cluster.value)
    return refuse(
      "ROOT_URI_INVALID",
      `the anchor is that of cluster ${found.slice(0, 16)}, not of ${cluster.value.slice(0, 16)}; the sheet was altered`,
    )
  return ok({ cluster: cluster.value, anchorKey: anchorKey.value })
}
