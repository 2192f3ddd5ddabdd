import { toHex, unwrap } from "@keygrove/base"
import { isBelow, parentPath, type NodePath } from "@keygrove/hierarchy"
import { decodeEntry, type Entry } from "./entry.ts"
import { kitPrimitives } from "./ledger-kit.contract.ts"
import type { Statement } from "./statement.ts"

interface Effective extends Entry {
  readonly index: number
  readonly statement: Statement
}

type OfKind<K extends Statement["kind"]> = Effective & { readonly statement: Extract<Statement, { kind: K }> }

const isOrBelow = (path: NodePath, top: NodePath): boolean => path === top || isBelow(path, top)

/** A dumb second reducer: a flat list, rescanned for every question, written from docs/protocol/ledger.md alone. It knows no limits. */
export class NaiveLedger {
  readonly #effective: Effective[] = []
  #length = 0
  #origin = ""

  /** Whether the next entry of a log has an effect. */
  take(bytes: Uint8Array): boolean {
    const entry = unwrap(decodeEntry(bytes))
    const index = this.#length++
    if (index === 0) this.#origin = toHex(kitPrimitives.sha256(bytes))
    const { statement } = entry
    if (statement === undefined || !this.#allows(entry, statement)) return false
    this.#effective.push({ ...entry, statement, index })
    return true
  }

  #of<K extends Statement["kind"]>(kind: K, cluster?: string): OfKind<K>[] {
    return this.#effective.filter(
      (entry): entry is OfKind<K> => entry.statement.kind === kind && (cluster === undefined || entry.author.cluster === cluster),
    )
  }

  /** Certificates in force by path: the last for each, unless an ancestor or the node itself was certified anew or revoked since. */
  #nodes(cluster: string): Map<NodePath, Effective> {
    const nodes = new Map<NodePath, Effective>()
    const drop = (top: NodePath): void => {
      for (const path of nodes.keys()) if (isOrBelow(path, top)) nodes.delete(path)
    }
    for (const entry of this.#effective.filter(({ author }) => author.cluster === cluster)) {
      const { author, statement } = entry
      if (statement.kind === "cluster") nodes.set(author.path, entry)
      if (statement.kind === "node" || statement.kind === "node-revoked") drop(statement.body.path)
      if (statement.kind === "node") nodes.set(statement.body.path, entry)
    }
    return nodes
  }

  #certificate(
    cluster: string,
    path: NodePath,
  ): { readonly anchor: string; readonly generation: number; readonly since: number } | undefined {
    const entry = this.#nodes(cluster).get(path)
    if (entry?.statement.kind === "cluster") return { anchor: toHex(entry.statement.body.anchorKey), generation: 1, since: entry.index }
    if (entry?.statement.kind !== "node") return undefined
    const { anchorKey, generation } = entry.statement.body
    return { anchor: toHex(anchorKey), generation, since: entry.index }
  }

  #rekeys(cluster: string, path: NodePath): OfKind<"rekey">[] {
    const since = this.#certificate(cluster, path)?.since ?? Number.POSITIVE_INFINITY
    return this.#of("rekey", cluster).filter(({ author, index }) => author.path === path && index > since)
  }

  #signingKey(cluster: string, path: NodePath): string | undefined {
    const last = this.#rekeys(cluster, path).at(-1)
    return last === undefined ? undefined : toHex(last.statement.body.keys.signingKey)
  }

  /** Whether what a node wrote was undone by a revocation that names an earlier last good entry. */
  #isUndone({ author, index }: Effective): boolean {
    return this.#of("node-revoked", author.cluster).some(({ index: at, statement: { body } }) => {
      const isOfThisLog = body.lastGood !== undefined && toHex(body.lastGood.origin) === this.#origin
      return isOfThisLog && at > index && index > (body.lastGood?.index ?? 0) && isOrBelow(author.path, body.path)
    })
  }

  #trusts(cluster: string, other: string): { readonly revision: number; readonly stands: boolean } {
    const last = [...this.#of("trust", cluster), ...this.#of("trust-removed", cluster)]
      .filter(({ statement }) => statement.body.cluster === other)
      .toSorted((a, b) => a.index - b.index)
      .at(-1)
    if (last === undefined) return { revision: 0, stands: false }
    return { revision: last.statement.body.revision, stands: last.statement.kind === "trust" && !this.#isUndone(last) }
  }

  #allows(entry: Entry, statement: Statement): boolean {
    const { cluster, path } = entry.author
    const isReplaced = this.#of("root-replaced", cluster).length > 0
    const own = this.#certificate(cluster, path)
    const byAnchor = own?.anchor === toHex(entry.author.key)
    const bySigningKey = this.#signingKey(cluster, path) === toHex(entry.author.key)
    switch (statement.kind) {
      case "node-revoked": {
        const { body } = statement
        const left = [...this.#nodes(cluster).keys()].filter((each) => !isOrBelow(each, body.path))
        const stands = this.#certificate(cluster, body.path)?.generation === body.generation
        return byAnchor && isBelow(body.path, path) && stands && (left.length > 1 || body.isLast === true)
      }
      case "root-replaced":
        return byAnchor && path === "/" && !isReplaced && statement.body.successor !== cluster
      case "trust-removed": {
        const { revision, stands } = this.#trusts(cluster, statement.body.cluster)
        return bySigningKey && stands && statement.body.revision > revision
      }
      case "policy-revoked":
        return (path === "/" ? byAnchor : bySigningKey) && this.#mayRevoke(entry, statement)
      default:
        return !isReplaced && this.#allowsMore(entry, statement, { byAnchor, bySigningKey })
    }
  }

  /** What a cluster that was replaced does not do any more. */
  #allowsMore(
    { author: { cluster, path } }: Entry,
    statement: Statement,
    { byAnchor, bySigningKey }: { readonly byAnchor: boolean; readonly bySigningKey: boolean },
  ): boolean {
    switch (statement.kind) {
      case "cluster":
        return path === "/" && this.#of("cluster", cluster).length === 0
      case "node": {
        const certified = this.#of("node").map((other) => other.statement.body)
        const generations = this.#of("node", cluster)
          .map((other) => other.statement.body)
          .filter((body) => body.path === statement.body.path)
        const isFresh = generations.every(({ generation }) => generation < statement.body.generation)
        const isNew = certified.every(({ anchorKey }) => toHex(anchorKey) !== toHex(statement.body.anchorKey))
        return byAnchor && parentPath(statement.body.path) === path && isFresh && isNew
      }
      case "rekey": {
        const { generation, keys } = statement.body
        const isNew = this.#of("rekey").every((other) => toHex(other.statement.body.keys.signingKey) !== toHex(keys.signingKey))
        const isNext = keys.epoch === this.#rekeys(cluster, path).length + 1
        return byAnchor && isNew && isNext && this.#certificate(cluster, path)?.generation === generation
      }
      case "rekey-ordered": {
        const { body } = statement
        const certificate = this.#certificate(cluster, body.path)
        const orders = this.#of("rekey-ordered", cluster).filter(
          (other) => other.statement.body.path === body.path && other.index > (certificate?.since ?? -1),
        )
        const owed = Math.max(this.#rekeys(cluster, body.path).length, ...orders.map((other) => other.statement.body.epoch))
        return byAnchor && isBelow(body.path, path) && certificate?.generation === body.generation && body.epoch > owed
      }
      case "trust":
        return (
          bySigningKey &&
          statement.body.cluster !== cluster &&
          statement.body.revision > this.#trusts(cluster, statement.body.cluster).revision
        )
      case "proxy-terms": {
        const since = this.#certificate(cluster, path)?.since ?? -1
        const before = this.#of("proxy-terms", cluster).filter(({ author, index }) => author.path === path && index > since)
        return bySigningKey && before.every((other) => other.statement.body.revision < statement.body.revision)
      }
      case "policy-granted": {
        const isNew = this.#of("policy-granted").every((other) => toHex(other.statement.body.policyId) !== toHex(statement.body.policyId))
        const areKnown = statement.body.proxies.every((proxy) => this.#signingKey(proxy.cluster, proxy.path) === toHex(proxy.signingKey))
        return bySigningKey && isNew && areKnown && this.#mayContinue({ cluster, path }, statement.body.continues)
      }
      default:
        return false
    }
  }

  #mayContinue(owner: Pick<Entry["author"], "cluster" | "path">, continues: Uint8Array | undefined): boolean {
    if (continues === undefined) return true
    const first = this.#granted(continues)
    const isOwn = first?.author.path === owner.path && this.#standsFor(owner.cluster, first.author.cluster)
    return isOwn && first.statement.body.continues === undefined && !this.#hasEnded(first)
  }

  #granted(policyId: Uint8Array): OfKind<"policy-granted"> | undefined {
    return this.#of("policy-granted").find(({ statement }) => toHex(statement.body.policyId) === toHex(policyId))
  }

  /** Whether a policy, or any other of its grant, was revoked, or it was undone. */
  #hasEnded(granted: OfKind<"policy-granted">): boolean {
    const grantOf = ({ statement: { body } }: OfKind<"policy-granted">): string => toHex(body.continues ?? body.policyId)
    const isRevoked = this.#of("policy-revoked").some(({ statement: { body } }) => {
      const other = this.#granted(body.policyId)
      return other !== undefined && grantOf(other) === grantOf(granted)
    })
    return isRevoked || this.#isUndone(granted)
  }

  #mayRevoke({ author }: Entry, { body }: Extract<Statement, { kind: "policy-revoked" }>): boolean {
    const granted = this.#granted(body.policyId)
    if (granted === undefined || this.#hasEnded(granted)) return false
    return this.#standsFor(author.cluster, granted.author.cluster) && isOrBelow(granted.author.path, author.path)
  }

  /** Whether a cluster is another one, or its root came after that one's. */
  #standsFor(cluster: string, other: string, steps = 16): boolean {
    if (cluster === other) return true
    const [replaced] = this.#of("root-replaced", other)
    return replaced !== undefined && steps > 0 && this.#standsFor(cluster, replaced.statement.body.successor, steps - 1)
  }
}
