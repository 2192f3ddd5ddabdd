import { createHash } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import {
  clusterIdOf,
  decodeEpoch,
  decodeGeneration,
  decodeNodeName,
  decodeNodePath,
  deriveAnchor,
  deriveChild,
  deriveRoot,
  ROOT_PATH,
  type ClusterId,
  type NodePath,
} from "@keygrove/hierarchy"
import {
  draftEntry,
  encodeEntry,
  encodeInvitation,
  entrySignBytes,
  invitationSignBytes,
  type RootPlan,
  type Statement,
} from "@keygrove/ledger"
import { rekeyEntry } from "../../packages/adapters/keystore/src/ceremony/prepare-rekey.ts"

const FIRST = unwrap(decodeGeneration(1))
const EPOCH = unwrap(decodeEpoch(1))

/** A root from a text, as a member's is from its name, and what it signs. */
export class KnownRoot implements Disposable {
  readonly cluster: ClusterId
  /** Ed25519, 32 bytes. */
  readonly anchorKey: Uint8Array
  readonly #secret: Secret

  constructor(text: string) {
    using seed = Secret.take(new Uint8Array(createHash("sha512").update(text).digest()))
    this.#secret = deriveRoot(nativePrimitives, seed)
    using anchor = deriveAnchor(nativePrimitives, this.#secret)
    this.anchorKey = anchor.publicKey
    this.cluster = clusterIdOf(nativePrimitives, anchor.publicKey)
  }

  [Symbol.dispose](): void {
    this.#secret[Symbol.dispose]()
  }

  signed(statement: Statement): Uint8Array {
    using anchor = deriveAnchor(nativePrimitives, this.#secret)
    const draft = draftEntry(statement, { cluster: this.cluster, path: ROOT_PATH, key: anchor.publicKey })
    return encodeEntry({ ...draft, signature: nativePrimitives.ed25519.sign(anchor.seed, entrySignBytes(draft)) })
  }

  announced(): Uint8Array {
    return this.signed({ kind: "cluster", body: { anchorKey: this.anchorKey } })
  }

  stepsDownFor(next: KnownRoot): Uint8Array {
    return this.signed({ kind: "root-replaced", body: { successor: next.cluster, anchorKey: next.anchorKey } })
  }

  revoked(name: string): Uint8Array {
    return this.signed({ kind: "node-revoked", body: { path: pathOf(name), generation: FIRST, reason: "retired" } })
  }

  /** The certificate of a child. */
  certified(name: string): Uint8Array {
    using secret = this.#child(name)
    using anchor = deriveAnchor(nativePrimitives, secret)
    return this.signed({ kind: "node", body: { path: pathOf(name), generation: FIRST, anchorKey: anchor.publicKey } })
  }

  /** The entry by which a child names its first keys. */
  named(name: string): Uint8Array {
    using secret = this.#child(name)
    return rekeyEntry(nativePrimitives, secret, { cluster: this.cluster, path: pathOf(name), generation: FIRST, epoch: EPOCH })
  }

  /** An invitation that nobody can open. */
  invitation(name: string): string {
    using anchor = deriveAnchor(nativePrimitives, this.#secret)
    const secret = { salt: new Uint8Array(16), passes: 1, memoryKib: 8, nonce: new Uint8Array(24), sealed: new Uint8Array(48) }
    const invitation = { certificate: this.certified(name), ledger: "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW", secret }
    return encodeInvitation({ ...invitation, signature: nativePrimitives.ed25519.sign(anchor.seed, invitationSignBytes(invitation)) })
  }

  #child(name: string): Secret {
    return deriveChild(nativePrimitives, this.#secret, { name: unwrap(decodeNodeName(name)), generation: FIRST })
  }
}

/** The plan by which one root steps down for another that has these nodes right below it. */
export function planFor(old: KnownRoot, next: KnownRoot, names: readonly string[]): RootPlan {
  return {
    successor: next.cluster,
    anchorKey: next.anchorKey,
    entries: [next.announced(), ...names.map((name) => next.certified(name))],
    replaced: old.stepsDownFor(next),
    invitations: names.map((name) => ({ path: pathOf(name), invitation: next.invitation(name) })),
  }
}

/** A node right below a root. */
export function pathOf(name: string): NodePath {
  return unwrap(decodeNodePath(`/${name}`))
}
