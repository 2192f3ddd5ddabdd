import { unwrap } from "@keygrove/base"
import type { NodePath } from "@keygrove/hierarchy"
import {
  decodeKeyGeneration,
  findSharing,
  membersOf,
  nextAttempt,
  pieceReceiptBytes,
  sharingIdOf,
  thresholdOf,
  type CustodyJoining,
  type CustodyState,
  type GenerationState,
  type KeyGeneration,
  type PieceReceipt,
  type PiecesHeld,
  type PiecesShared,
  type ReceivedPiece,
} from "@keygrove/pieces"
import type { FoldedLedger } from "./chain.ts"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitKey,
  kitPoint,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { custodyOf } from "./state.ts"
import type { Statement } from "./statement.ts"

/** What a shown sharing has of its own choice; the rest follows from the ledger. */
export interface KitSharing {
  /** Points by name unless given; real ones are for those who verify pieces. */
  readonly commitments?: readonly Uint8Array[]
  /** Who gave a receipt: every other standing member unless given. */
  readonly holders?: readonly NodePath[]
  /** Changes a receipt before it is shown. */
  readonly forge?: (receipt: PieceReceipt, piece: ReceivedPiece) => PieceReceipt
}

export function kitGeneration(generation: number): KeyGeneration {
  return unwrap(decodeKeyGeneration(generation))
}

/** The receipt of a holder whose signing key has this name. */
export function kitReceipt(piece: ReceivedPiece, keyName: string): PieceReceipt {
  using seed = kitSeed(keyName)
  return { index: piece.index, signature: kitPrimitives.ed25519.sign(seed, pieceReceiptBytes(piece)) }
}

/** Commitments in form only: as many as a generation needs, of a storage key with this name. */
export function kitCommitments(name: string, threshold: number): readonly Uint8Array[] {
  return Array.from({ length: threshold }, (_, power) => kitPoint(`commitment ${power} of ${name}`))
}

/** The public boot keys of a node, by its path and a number. */
export function kitBootKeys(node: KitNode, number = 1): Pick<CustodyJoining, "bootSigningKey" | "bootSealingKey"> {
  const name = `${node.cluster} ${node.path} ${number}`
  return { bootSigningKey: kitKey(`boot ${name}`), bootSealingKey: kitBytes(`boot sealing ${name}`) }
}

/** A cluster on a ledger of its own, whose nodes keep each other's pieces. Every signature in it is real; entries are folded as they are made. */
export class KitCustody {
  readonly root: KitNode
  readonly nodes: readonly KitNode[]
  readonly entries: Uint8Array[] = []
  readonly #epochs = new Map<string, number>()
  #ledger: FoldedLedger
  #revision = 0

  /** A cluster with nodes `/n01`, `/n02`, … that are members unless they are to be nodes only. */
  constructor(name: string, nodes: number, members: number = nodes) {
    this.root = kitRoot(name)
    this.nodes = Array.from({ length: nodes }, (_, index) => kitChild(this.root, `/n${String(index + 1).padStart(2, "0")}`))
    this.#ledger = kitFold([]).ledger
    this.append(clusterEntry(this.root), ...this.nodes.flatMap((node) => [nodeEntry(this.root, node), rekeyEntry(node, 1)]))
    for (const node of this.nodes.slice(0, members)) this.join(node)
  }

  get ledger(): FoldedLedger {
    return this.#ledger
  }

  get custody(): CustodyState {
    return custodyOf(this.#ledger.state, this.root.cluster)
  }

  /** The node with a number from 1, as its name has it. */
  node(number: number): KitNode {
    const node = this.nodes[number - 1]
    if (node === undefined) throw new RangeError(`there are ${this.nodes.length} nodes`)
    return node
  }

  generation(number: number = this.custody.lastGeneration): GenerationState {
    const generation = this.custody.generations.get(number)
    if (generation === undefined) throw new RangeError(`generation ${number} is not open`)
    return generation
  }

  /** What became of each entry: `applied`, or why it is void. */
  append(...entries: readonly Uint8Array[]): readonly string[] {
    const { ledger, verdicts } = kitFold(entries, this.#ledger)
    this.#ledger = ledger
    this.entries.push(...entries)
    return verdicts
  }

  /** Says something under a node's current signing key. */
  say(node: KitNode, statement: Statement): string {
    return this.append(kitEntry(statement, node, this.keyNameOf(node)))[0] ?? "nothing"
  }

  keyNameOf(node: KitNode): string {
    return signingName(node, this.#epochs.get(node.path) ?? 1)
  }

  rekey(node: KitNode): string {
    const epoch = (this.#epochs.get(node.path) ?? 1) + 1
    const [verdict = "nothing"] = this.append(rekeyEntry(node, epoch))
    if (verdict === "applied") this.#epochs.set(node.path, epoch)
    return verdict
  }

  join(node: KitNode, more: Partial<CustodyJoining> = {}): string {
    this.#revision++
    const body = {
      revision: this.#revision,
      ...kitBootKeys(node),
      unlock: "auto" as const,
      addresses: ["/ip4/127.0.0.1/tcp/7410"],
      ...more,
    }
    return this.say(node, { kind: "custody-joined", body })
  }

  leave(node: KitNode, revision: number = ++this.#revision): string {
    return this.say(node, { kind: "custody-left", body: { revision } })
  }

  start(node: KitNode, number: number = this.custody.lastGeneration + 1): string {
    return this.say(node, { kind: "generation-started", body: { generation: kitGeneration(number) } })
  }

  abort(node: KitNode, number: number = this.custody.lastGeneration): string {
    return this.say(node, { kind: "generation-aborted", body: { generation: kitGeneration(number) } })
  }

  wipe(node: KitNode, upTo: number): string {
    return this.say(node, { kind: "pieces-wiped", body: { upTo: kitGeneration(upTo) } })
  }

  hold(node: KitNode, held: PiecesHeld["held"]): string {
    return this.say(node, { kind: "pieces-held", body: { held } })
  }

  /** An owner shares in a generation, the last unless given. */
  share(owner: KitNode, number: number = this.custody.lastGeneration, sharing: KitSharing = {}): string {
    const body = this.shown(owner.path, number, { attempt: 0, ...sharing })
    return this.say(owner, { kind: "pieces-shared", body })
  }

  /** The next generation, in which so many members share, the first ones first. */
  complete(sharers: number = this.custody.members.size, holders?: readonly NodePath[]): void {
    const owners = this.nodes.filter(({ path }) => this.custody.members.has(path)).slice(0, sharers)
    this.start(owners[0] ?? this.root)
    for (const owner of owners) {
      const others = holders?.filter((holder) => holder !== owner.path)
      this.share(owner, this.custody.lastGeneration, others === undefined ? {} : { holders: others })
    }
  }

  /** The next attempt to move an owner's sharing. */
  beginMove(by: KitNode, owner: KitNode, [from, to]: readonly [from: number, to: number], attempt?: number): string {
    const number = attempt ?? nextAttempt(this.generation(to), owner.path)
    const body = { owner: owner.path, generation: kitGeneration(to), from: kitGeneration(from), attempt: number }
    return this.say(by, { kind: "redistribution-started", body })
  }

  /** Ends an attempt, the newest one unless given. */
  endMove(
    by: KitNode,
    owner: KitNode,
    [from, to]: readonly [from: number, to: number],
    { attempt, ...sharing }: KitSharing & { readonly attempt?: number } = {},
  ): string {
    const [storageKey] = findSharing(this.custody, owner.path, kitGeneration(from))?.commitments ?? []
    const fresh = kitCommitments(`moved ${owner.path} ${to}`, thresholdOf(this.generation(to)))
    const commitments = storageKey === undefined ? fresh : [storageKey, ...fresh.slice(1)]
    const shown = this.shown(owner.path, to, {
      attempt: attempt ?? nextAttempt(this.generation(to), owner.path) - 1,
      commitments,
      ...sharing,
    })
    return this.say(by, { kind: "pieces-redistributed", body: { owner: owner.path, from: kitGeneration(from), ...shown } })
  }

  /** What a statement shows of a sharing, with a receipt of each holder. */
  shown(
    owner: NodePath,
    number: number,
    { attempt, commitments, forge, holders }: KitSharing & { readonly attempt: number },
  ): PiecesShared {
    const generation = this.generation(number)
    const named = commitments ?? kitCommitments(`${owner} ${number}`, thresholdOf(generation))
    const { cluster } = this.root
    const sharing = sharingIdOf(kitPrimitives, { owner: { cluster, path: owner }, generation: generation.generation, commitments: named })
    const receipts = membersOf(this.custody, generation)
      .filter(({ member: { path } }) => (holders === undefined ? path !== owner : holders.includes(path)))
      .map(({ index, member: { path } }) => {
        const piece = { cluster, owner, generation: generation.generation, sharing, index, holder: path, attempt }
        const receipt = kitReceipt(piece, this.keyNameOf({ cluster, path, generation: 1 }))
        return forge === undefined ? receipt : forge(receipt, piece)
      })
    return { generation: generation.generation, commitments: named, receipts }
  }
}
