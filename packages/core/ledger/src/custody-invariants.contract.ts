import { equalBytes, toHex } from "@keygrove/base"
import { ROOT_PATH } from "@keygrove/hierarchy"
import {
  emptyCustody,
  hasWiped,
  holdersOf,
  isCustodyStatement,
  membersOf,
  sharingsOf,
  thresholdOf,
  type CustodyState,
  type CustodyStatement,
  type GenerationState,
} from "@keygrove/pieces"
import { pieceName, type Happening } from "./custody-machine.contract.ts"
import type { CustodyWorld } from "./custody-world.contract.ts"
import { termsOf, type CustodyFacts } from "./naive-custody.contract.ts"
import { findNodeByKey, type LedgerState } from "./state.ts"

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** What must hold of every entry in its place, whatever the twin thinks; throws what does not. Remembers which generations are over. */
export class CustodyWatch {
  readonly #over = new Set<number>()

  look({ after, before, entry, verdict }: Happening): void {
    const { author, statement } = entry
    if (verdict !== "applied") return must(before === after, "what is void changed the state")
    const [old, now] = [custodyIn(before), custodyIn(after)]
    const isEnd = statement?.kind === "root-replaced"
    for (const [number, generation] of old.generations.entries()) {
      if (now.generations.has(number)) continue
      this.#over.add(number)
      if (!isEnd) endsRightly(generation, { now, by: statement?.kind ?? "nothing" })
    }
    for (const [number] of now.generations.entries()) must(!this.#over.has(number), `generation ${number} came back`)
    for (const generation of now.generations.values()) standsRightly(generation, { old, now })
    must(
      [...now.generations.values()].filter(({ completedAt }) => completedAt !== undefined).length <= 16,
      "there are too many generations",
    )
    if (statement === undefined || !isCustodyStatement(statement)) return
    must(findNodeByKey(before, author.key)?.path === author.path, "a key had an effect that is none any more")
    if (["custody-left", "pieces-wiped"].includes(statement.kind)) return
    for (const { path } of old.members.values()) must(!opens(old, path) || opens(now, path), `${path} cannot be unlocked any more`)
  }
}

/** Whether enough holders keep the pieces of a complete generation. */
function opens(custody: CustodyState, path: CustodyStatementAuthor): boolean {
  return sharingsOf(custody, path).some(
    (placed) => placed.generation.completedAt !== undefined && holdersOf(custody, placed).length >= thresholdOf(placed.generation),
  )
}

type CustodyStatementAuthor = Parameters<typeof sharingsOf>[1]

/** What is dropped was starting, and somebody said so; or nobody who could ever open it has nothing newer. */
function endsRightly(generation: GenerationState, { by, now }: { readonly now: CustodyState; readonly by: string }): void {
  if (generation.completedAt === undefined)
    return must(["generation-aborted", "generation-started"].includes(by), `${generation.generation} ended by ${by}`)
  for (const { owner } of generation.sharings.values()) {
    const holders = membersOf(now, generation)
    const isMember = holders.some(({ member }) => member.path === owner)
    const possible = holders.filter(({ member }) => member.path !== owner && !hasWiped(now, member.path, generation.generation))
    const isNewer = sharingsOf(now, owner).some(
      ({ generation: other, sharing }) =>
        other.completedAt !== undefined && other.generation > generation.generation && sharing.held.length >= thresholdOf(other),
    )
    must(!isMember || isNewer || possible.length < thresholdOf(generation), `${owner} depended on ${generation.generation}`)
  }
}

/** A generation counts only when a majority of its members has shared with a majority of the others, and goes on counting. */
function standsRightly(generation: GenerationState, { now, old }: { readonly old: CustodyState; readonly now: CustodyState }): void {
  const before = old.generations.get(generation.generation)
  const isNew = generation.completedAt !== undefined && before?.completedAt === undefined
  must(!isNew || generation.sharings.size * 2 > generation.members.length, `${generation.generation} has no majority of sharers`)
  must(before?.completedAt === undefined || before.completedAt === generation.completedAt, `${generation.generation} is complete no more`)
  must(generation.completedAt !== undefined || generation.generation === now.lastGeneration, "what is starting is not the last")
  for (const { commitments, held, owner } of generation.sharings.values()) {
    must(commitments.length === thresholdOf(generation), "there are too many or too few commitments")
    must(before?.sharings.has(owner) === true || held.length * 2 > generation.members.length - 1, `too few keep the pieces of ${owner}`)
  }
}

/** Nothing ever stops a member from removing something: what may be said has its effect, whatever else is so. */
export function removesFreely({ before, entry, verdict }: Happening): void {
  const { author, statement } = entry
  if (statement === undefined || !isCustodyStatement(statement) || verdict === "applied") return
  const isCurrent = findNodeByKey(before, author.key)?.path === author.path
  must(!isCurrent || !isDue(custodyIn(before), author.path, statement), `${statement.kind} was stopped: ${verdict}`)
}

function isDue(custody: CustodyState, path: CustodyStatementAuthor, { body, kind }: CustodyStatement): boolean {
  const member = custody.members.get(path)
  if (member === undefined) return false
  switch (kind) {
    case "custody-left":
      return body.revision > member.revision
    case "pieces-wiped":
      return body.upTo > member.wipedUpTo && body.upTo <= custody.lastGeneration
    case "generation-aborted": {
      const generation = custody.generations.get(body.generation)
      return generation !== undefined && generation.completedAt === undefined
    }
    default:
      return false
  }
}

/** The ledger never believes an honest holder to keep another piece of an owner and generation than the one on its disk. */
export function believesRightly(world: CustodyWorld): void {
  const { custody } = world
  for (const generation of custody.generations.values())
    for (const sharing of generation.sharings.values())
      for (const { member } of holdersOf(custody, { generation, sharing })) {
        const machine = world.nodes.find(({ path }) => path === member.path)
        if (machine === undefined || machine.lies || generation.generation <= machine.wipedUpTo) continue
        const piece = machine.pieces.get(pieceName({ owner: sharing.owner, generation: generation.generation }))
        must(
          piece !== undefined && equalBytes(piece.sharing, sharing.id),
          `${member.path} has not the piece of ${sharing.owner} in ${generation.generation}`,
        )
      }
}

/** Custody in the twin's words. */
export function factsOf(custody: CustodyState): CustodyFacts {
  return {
    members: [...custody.members.values()].map((member) => `${member.path} ${member.revision} ${member.wipedUpTo} ${termsOf(member)}`),
    last: custody.lastGeneration,
    generations: [...custody.generations.values()].map(factOf),
  }
}

/** States share what did not change. */
const facts = new WeakMap<GenerationState, string>()

function factOf(state: GenerationState): string {
  const known = facts.get(state)
  if (known !== undefined) return known
  const { attempts, completedAt, generation, members, sharings } = state
  const shares = [...sharings.values()].map(({ held, id, owner }) => `${owner}:${toHex(id).slice(0, 8)}:${held.join("+")}`).toSorted()
  const tries = [...attempts.values()].map(({ attempt, by, from, owner }) => `${owner}#${attempt} from ${from} by ${by}`)
  const all = members.map(({ path }) => path).join(" ")
  const fact = `${generation} ${completedAt === undefined ? "starting" : "complete"} [${all}] ${shares.join(" ")} ${tries.join(" ")}`
  facts.set(state, fact)
  return fact
}

/** Of the one cluster that there is. */
export function custodyIn(state: LedgerState): CustodyState {
  const [cluster] = state.clusters.values()
  return cluster?.nodes.has(ROOT_PATH) === true ? (cluster.custody ?? emptyCustody()) : emptyCustody()
}
