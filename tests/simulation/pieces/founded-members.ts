import { createHash } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  childPath,
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeNodeName,
  deriveAnchor,
  deriveChild,
  deriveEpoch,
  deriveRoot,
  makeRekey,
  noPreviousRekey,
  ROOT_PATH,
  type Anchor,
  type ClusterId,
  type NodePath,
  type NodePlace,
} from "@keygrove/hierarchy"
import type { Statement } from "@keygrove/ledger"
import { signEntry } from "../../../packages/adapters/keystore/src/ceremony/sign-entry.ts"

/** A node below the root, as its parent's ceremony makes it. */
export interface FoundedMember {
  readonly place: NodePlace
  /** The caller's. */
  readonly nodeSecret: Secret
  /** Its certificate and its first rekey. */
  readonly entries: readonly Uint8Array[]
}

/** The root of one cluster, which the simulation has at hand to certify and to revoke. */
export class Root implements Disposable {
  readonly cluster: ClusterId
  readonly #secret: Secret
  readonly #anchor: Anchor

  constructor(seed: string) {
    using entropy = Secret.take(new Uint8Array(createHash("sha512").update(`${seed}/root`).digest()))
    this.#secret = deriveRoot(nativePrimitives, entropy)
    this.#anchor = deriveAnchor(nativePrimitives, this.#secret)
    this.cluster = clusterIdOf(nativePrimitives, this.#anchor.publicKey)
  }

  /** The entry by which it announces its cluster. */
  announcement(): Uint8Array {
    return this.#sign({ kind: "cluster", body: { anchorKey: this.#anchor.publicKey } })
  }

  certify(name: string, issue = 1): FoundedMember {
    const [generation, epoch] = [unwrap(decodeGeneration(issue)), unwrap(decodeEpoch(1))]
    const place: NodePlace = { cluster: this.cluster, path: unwrap(childPath(ROOT_PATH, name)), generation, epoch }
    const nodeSecret = deriveChild(nativePrimitives, this.#secret, { name: unwrap(decodeNodeName(name)), generation })
    using anchor = deriveAnchor(nativePrimitives, nodeSecret)
    using secrets = deriveEpoch(nativePrimitives, nodeSecret, epoch)
    const rekey = makeRekey(nativePrimitives, secrets, { ...place, previous: noPreviousRekey() })
    const certificate = this.#sign({ kind: "node", body: { path: place.path, generation, anchorKey: anchor.publicKey } })
    return { place, nodeSecret, entries: [certificate, signEntry(nativePrimitives, { kind: "rekey", body: rekey }, place, anchor)] }
  }

  /** The entry by which it ends a node. */
  revocation(path: NodePath): Uint8Array {
    return this.#sign({ kind: "node-revoked", body: { path, generation: unwrap(decodeGeneration(1)), reason: "retired" } })
  }

  [Symbol.dispose](): void {
    this.#anchor[Symbol.dispose]()
    this.#secret[Symbol.dispose]()
  }

  #sign(statement: Statement): Uint8Array {
    return signEntry(nativePrimitives, statement, { cluster: this.cluster, path: ROOT_PATH }, this.#anchor)
  }
}
