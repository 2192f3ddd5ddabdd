import { checkShape, brandShape, bytesShape, equalBytes, toHex, unwrap, type Shape } from "@keygrove/base"
import { decodeNodePath, type NodePath } from "@keygrove/hierarchy"
import { currentGeneration, decodeKeyGeneration, hasOtherMembers, holdersOf, sharingsOf, type KeyGeneration } from "@keygrove/pieces"
import * as v from "valibot"
import { call } from "../member.ts"
import type { Machine } from "./machine.ts"
import type { PieceWitness } from "./piece-witness.ts"
import type { PieceWorld } from "./piece-world.ts"

/** A piece on a disk, as far as invariants go. */
interface PieceOnDisk {
  readonly owner: NodePath
  readonly generation: KeyGeneration
  readonly sharing: Uint8Array
}

const shape: Shape<PieceOnDisk> = v.object({
  owner: brandShape(decodeNodePath),
  generation: brandShape(decodeKeyGeneration),
  sharing: bytesShape(32),
})

/** What must hold after every step, and what must hold once everything has healed. Read off the ledger's host and the disks. */
export class PieceInvariants {
  readonly #world: PieceWorld
  readonly #witness: PieceWitness
  /** Machines that lied at some time. */
  readonly #liars: ReadonlySet<Machine>

  constructor(world: PieceWorld, witness: PieceWitness, liars: ReadonlySet<Machine>) {
    this.#world = world
    this.#witness = witness
    this.#liars = liars
  }

  async broken(): Promise<readonly string[]> {
    return [...this.#witness.complaints, ...(await this.#disks()), ...this.#slots(), ...this.#accusations()]
  }

  /** After everything has healed and had its time. */
  async brokenAtTheEnd(): Promise<readonly string[]> {
    const { custody } = this.#world
    const current = currentGeneration(custody)
    if (current === undefined || hasOtherMembers(custody, current)) return ["the current key generation has other members than the cluster"]
    const broken: string[] = []
    if (custody.generations.size !== 1) broken.push(`${custody.generations.size} key generations are open`)
    for (const { path } of custody.members.values()) {
      const held = current.sharings.get(path)?.held.length ?? 0
      if (held !== custody.members.size - 1) broken.push(`${path} has ${held} pieces out`)
    }
    for (const machine of this.#world.machines) {
      const isMember = custody.members.has(machine.path)
      const pieces = (await piecesOf(machine)).map(({ generation }) => Number(generation))
      const expected = isMember ? custody.members.size - 1 : 0
      if (machine.isRunning && (pieces.length !== expected || pieces.some((generation) => generation !== current.generation)))
        broken.push(`${machine.name} keeps pieces of generations ${pieces.join(", ")}`)
      if (isMember && machine.slots().length !== 1) broken.push(`${machine.name} has ${machine.slots().length} slots`)
    }
    return broken
  }

  /** Nobody keeps two pieces of one owner and generation, and whoever says that it keeps one does. */
  async #disks(): Promise<readonly string[]> {
    const { custody } = this.#world
    const broken: string[] = []
    const disks = new Map<NodePath, readonly PieceOnDisk[]>()
    for (const machine of this.#world.machines) {
      const pieces = await piecesOf(machine)
      disks.set(machine.path, pieces)
      if (new Set(pieces.map(({ generation, owner }) => `${generation}${owner}`)).size !== pieces.length)
        broken.push(`${machine.name} keeps two pieces of one owner and generation`)
    }
    for (const owner of custody.members.values())
      for (const placed of sharingsOf(custody, owner.path))
        for (const { member } of holdersOf(custody, placed)) {
          const kept = disks.get(member.path)?.some(({ sharing }) => equalBytes(sharing, placed.sharing.id)) ?? false
          if (!kept) broken.push(`${member.path} says it keeps ${owner.path} of generation ${placed.generation.generation}, and does not`)
        }
    return broken
  }

  /** An owner never loses the slot that its standing pieces open. */
  #slots(): readonly string[] {
    const { custody } = this.#world
    return this.#world.machines.flatMap((machine) => {
      const keys = new Set(machine.slots().map(({ publicKey }) => toHex(publicKey)))
      return sharingsOf(custody, machine.path).flatMap(({ generation, sharing }) =>
        keys.has(toHex(sharing.commitments[0] ?? new Uint8Array(0)))
          ? []
          : [`${machine.name} has no slot for its sharing of ${generation.generation}`],
      )
    })
  }

  /** Who never lied is not named. */
  #accusations(): readonly string[] {
    const honest = this.#world.machines.filter((machine) => !this.#liars.has(machine))
    return this.#world.machines.flatMap(({ log, name }) =>
      log.flatMap((line) =>
        honest.some(({ path }) => line.startsWith(`${path} does not keep to`) || line.startsWith(`${path} sent a key piece`))
          ? [`${name} says: ${line}`]
          : [],
      ),
    )
  }
}

async function piecesOf({ storage }: Machine): Promise<readonly PieceOnDisk[]> {
  const records = unwrap(await storage.list("piece", { limit: 1_000 }, call))
  return records.map(({ value }) => unwrap(checkShape(value, { shape, code: "STORAGE_CORRUPT", noun: "piece" })))
}
