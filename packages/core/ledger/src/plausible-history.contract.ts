import * as fc from "fast-check"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitGrant,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  orderEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
  termsEntry,
  trustEntry,
  trustRemovedEntry,
  type KitNode,
} from "./ledger-kit.contract.ts"

/** What a step does, with numbers to choose by. */
type Step = readonly [action: (typeof ACTIONS)[number] | "succeed", path: number, author: number, slip: number, index: number]

const PATHS: readonly string[] = ["/a", "/a-b", "/a/b", "/a/b/c", "/d"]
const ACTIONS = [
  "certify",
  "certify",
  "rekey",
  "rekey",
  "grant",
  "grant",
  "trust",
  "terms",
  "order",
  "revoke",
  "end-policy",
  "end-trust",
  "replace-root",
] as const

/** One path in the writer's eyes: what was written last about it, whether or not the ledger took it. */
interface Known {
  generation: number
  epoch: number
}

/** A root and what was written below it. */
interface Reign {
  readonly root: KitNode
  readonly known: Map<string, Known>
}

/**
 * Histories of a cluster of up to five nodes in which most entries follow from those before: the next generation, epoch or revision, by the author who may.
 * One in four slips: a counter too low or too high, another author. So much applies, and much is void for one reason only.
 */
export const plausibleHistories: fc.Arbitrary<readonly Uint8Array[]> = stepsOf(ACTIONS, 60).map((steps) => new Writer().write(steps))

/** Histories of grants before and after a root was replaced, once or more often. */
export const successionHistories: fc.Arbitrary<readonly Uint8Array[]> = fc
  .tuple(stepsOf(["grant"], 8), stepsOf(["grant", "grant", "grant", "end-policy", "revoke", "succeed"], 24))
  .map(([before, after]) => new Writer().write([...before, ["succeed", 0, 0, 0, 0], ...after]))

function stepsOf(actions: readonly Step[0][], maxLength: number): fc.Arbitrary<Step[]> {
  const slip = fc.oneof(
    { weight: 6, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constant(-1) },
    { weight: 1, arbitrary: fc.constant(1) },
  )
  const step = fc.tuple(fc.constantFrom(...actions), fc.nat(PATHS.length - 1), fc.nat(3), slip, fc.nat(40))
  return fc.array(step, { minLength: Math.floor(maxLength / 6), maxLength })
}

class Writer {
  /** How many roots ago the author of the entry that is written stood. */
  #ago = 0
  readonly #reigns: Reign[] = [{ root: kitRoot("plausible"), known: new Map() }]
  readonly #other = kitRoot("plausible other")
  readonly #log: Uint8Array[] = [clusterEntry(this.#root), clusterEntry(this.#other)]
  readonly #origin = kitPrimitives.sha256(this.#log[0] ?? new Uint8Array(0))
  #revision = 0
  #policies = 0

  write(steps: readonly Step[]): readonly Uint8Array[] {
    this.#settle()
    for (const step of steps) {
      const [, , by, , index] = step
      // A node that has not moved, or a thief of the old words.
      this.#ago = by === 2 && index % 2 === 0 ? 1 : 0
      this.#log.push(this.#entry(step))
    }
    return this.#log
  }

  get #reign(): Reign {
    const reign = this.#reigns.at(-1 - this.#ago) ?? this.#reigns[0]
    if (reign === undefined) throw new TypeError("there is a root from the beginning")
    return reign
  }

  get #root(): KitNode {
    return this.#reign.root
  }

  #settle(): void {
    for (const path of ["/a", "/a/b", "/d"]) this.#log.push(this.#certify(path, 0), this.#rekey(path, 0))
  }

  /** Another root and its nodes, and the entry by which the one before steps down. */
  #replaceRoot(): Uint8Array {
    const before = this.#root
    const root = kitRoot(`plausible ${this.#reigns.length}`)
    this.#ago = 0
    this.#reigns.push({ root, known: new Map() })
    this.#log.push(clusterEntry(root))
    this.#settle()
    return rootReplacedEntry(before, root)
  }

  #entry([action, which, by, slip, index]: Step): Uint8Array {
    const path = PATHS[which] ?? "/a"
    const node = this.#node(path)
    const { epoch } = this.#of(path)
    switch (action) {
      case "certify":
        return this.#certify(path, slip)
      case "rekey":
        return this.#rekey(path, slip)
      case "terms":
        return termsEntry(node, Math.max(1, epoch), Math.max(1, this.#log.length + 20 * slip))
      case "grant":
        return this.#grant(node, epoch, { slip, index })
      case "trust":
        this.#revision += 1 + slip
        return trustEntry(node, this.#other, Math.max(1, this.#revision))
      case "end-trust":
        this.#revision += 1 + slip
        return trustRemovedEntry(node, this.#other, Math.max(1, this.#revision))
      case "order":
        return orderEntry(this.#above(path, by), node, Math.max(1, epoch + 1 + slip))
      case "revoke": {
        const lastGood = by % 2 === 0 ? { lastGood: { origin: slip === 1 ? kitBytes("other log") : this.#origin, index } } : {}
        return nodeRevokedEntry(this.#above(path, by), this.#shifted(node, slip), {
          ...lastGood,
          ...(index % 2 === 0 ? { isLast: true } : {}),
        })
      }
      case "end-policy": {
        const body = { policyId: kitBytes(`policy plausible ${Math.max(0, this.#policies - 1 - (index % 4))}`) }
        const author = slip === 0 ? node : this.#above(path, by)
        return kitEntry({ kind: "policy-revoked", body }, author, this.#signer(author))
      }
      case "replace-root":
        // Rare, because little happens after it.
        return index < 4 ? rootReplacedEntry(this.#root, this.#other) : this.#rekey(path, slip)
      case "succeed":
        return index < 8 ? this.#replaceRoot() : this.#certify(path, slip)
      default:
        return this.#certify(path, 0)
    }
  }

  #of(path: string): Known {
    const { known: nodes } = this.#reign
    const known = nodes.get(path) ?? { generation: 0, epoch: 0 }
    nodes.set(path, known)
    return known
  }

  #node(path: string): KitNode {
    return path === "/" ? this.#root : kitChild(this.#root, path, Math.max(1, this.#of(path).generation))
  }

  #shifted(node: KitNode, slip: number): KitNode {
    return { ...node, generation: Math.max(1, node.generation + slip) }
  }

  /** The parent, or another ancestor, or, rarely, a node that is none. */
  #above(path: string, by: number): KitNode {
    const names = path.split("/")
    if (by === 3) return this.#node("/d")
    const up = names.slice(0, Math.max(1, names.length - 1 - (by % 2)))
    return this.#node(up.length <= 1 ? "/" : up.join("/"))
  }

  #certify(path: string, slip: number): Uint8Array {
    const known = this.#of(path)
    known.generation = Math.max(1, known.generation + 1 + slip)
    known.epoch = 0
    return nodeEntry(this.#above(path, 0), this.#node(path))
  }

  #rekey(path: string, slip: number): Uint8Array {
    const known = this.#of(path)
    known.epoch = Math.max(1, known.epoch + 1 + slip)
    return rekeyEntry(this.#node(path), known.epoch)
  }

  /** One in three continues a policy of a moment ago, whosever that is. */
  #grant(node: KitNode, epoch: number, { slip, index }: { readonly slip: number; readonly index: number }): Uint8Array {
    const continues = index % 3 === 0 ? { continues: kitBytes(`policy plausible ${this.#policies - 1 - (index % 4)}`) } : {}
    const name = `plausible ${this.#policies}`
    if (slip === 0) this.#policies++
    const proxy = { node: this.#node("/d"), epoch: Math.max(1, this.#of("/d").epoch) }
    const body = { ...kitGrant(name, { node, epoch: Math.max(1, epoch) }, [proxy]), ...continues }
    return kitEntry({ kind: "policy-granted", body }, node, signingName(node, Math.max(1, epoch)))
  }

  #signer(node: KitNode): string {
    return node.path === "/" ? anchorName(node) : signingName(node, Math.max(1, this.#of(node.path).epoch))
  }
}
