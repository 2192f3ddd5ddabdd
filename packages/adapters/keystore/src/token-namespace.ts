import { utf8 } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import type { VaultSecrets } from "@keygrove/hierarchy"

/** Of the name under which a node's objects are in a token. */
export const TOKEN_NAMESPACE_BYTES = 8

/** What the names of objects in a token begin with that the node of a vault makes. It is public: the objects carry it. */
export function tokenNamespaceOf(primitives: Primitives, { authentication }: VaultSecrets): Uint8Array {
  return primitives.hmacSha256(authentication, utf8("keygrove/v1/token-namespace")).slice(0, TOKEN_NAMESPACE_BYTES)
}
