import {
  announcement,
  byAnchor,
  bySigningKey,
  certificate,
  childOf,
  headOf,
  rekey,
  rootOf,
  sha256,
  type Author,
  type Member,
} from "./chain-writer.ts"

/** A chain of the vectors, with what a reader has to say of it. */
export interface ChainCase {
  readonly name: string
  readonly entries: readonly Uint8Array[]
  /** Encoded. */
  readonly head: Uint8Array
  /** What the reader has seen before. */
  readonly known?: { readonly length: number; readonly hash: Uint8Array }
  /** The root that the reader expects; Alice's unless given. */
  readonly root?: Member
  readonly expected: Verdict
}

/** `nodes`: the paths that stand at the end, with generation and epoch (0 before the first rekey). */
export type Verdict =
  | { readonly nodes: Readonly<Record<string, readonly [generation: number, epoch: number]>>; readonly replaced?: boolean }
  | { readonly code: string; readonly index?: number; readonly reason?: string }

const text = (words: string): Buffer => sha256(Buffer.from(words))

/** Two clusters that nobody uses: their root secrets are SHA-256 of these words. */
export const alice: Member = rootOf(text("keygrove key chain vectors: alice"))
export const bob: Member = rootOf(text("keygrove key chain vectors: bob"))
export const carol: Member = rootOf(text("keygrove key chain vectors: carol"))

export const laptop: Member = childOf(alice, "laptop")
export const laptop2: Member = childOf(alice, "laptop", 2)
export const laptopOld: Member = childOf(alice, "laptop-old")
export const server: Member = childOf(alice, "server")
export const phone: Member = childOf(laptop, "phone")
export const watch: Member = childOf(phone, "watch")

/** A certificate and the first rekey. */
export function joined(parent: Member, child: Member): readonly Uint8Array[] {
  return [certificate(parent, child), rekey(child, 1)]
}

export const announced: Uint8Array = announcement(alice)
export const withLaptop: readonly Uint8Array[] = [announced, ...joined(alice, laptop)]
export const withServer: readonly Uint8Array[] = [...withLaptop, ...joined(alice, server)]
export const withPhone: readonly Uint8Array[] = [...withServer, ...joined(laptop, phone)]
/** Root, laptop, server, phone and watch: nine entries. */
export const family: readonly Uint8Array[] = [...withPhone, ...joined(phone, watch)]

export const byRoot: Author = byAnchor(alice)
export const byLaptop: Author = bySigningKey(laptop, 1)
export const byServer: Author = bySigningKey(server, 1)

/** Length and hash, as a reader remembers them. */
export const seen: typeof headOf = headOf
