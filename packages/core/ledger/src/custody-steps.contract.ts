import { fromHex, toHex, unwrap } from "@keygrove/base"
import {
  currentGeneration,
  decodeCustodyStatement,
  decodeKeyGeneration,
  encodeCustodyStatement,
  indexIn,
  isCustodyStatement,
  type CustodyStatement,
  type KeyGeneration,
} from "@keygrove/pieces"
import * as fc from "fast-check"
import type { Happening, WorldNode } from "./custody-machine.contract.ts"
import type { CustodyWorld } from "./custody-world.contract.ts"
import { fakeBytes, fakePoint } from "./fake-primitives.contract.ts"

/** What a step does, to or by which node, and numbers to choose by. */
export type CustodyStep = readonly [action: Action, who: number, which: number]

type Action =
  | "join"
  | "leave"
  | "start"
  | "abort"
  | "share"
  | "shareAll"
  | "beginMove"
  | "endMove"
  | "hold"
  | "sweep"
  | "depart"
  | "comeBack"
  | "crash"
  | "loseDisk"
  | "rekey"
  | "revoke"
  | "replace"
  | "certify"
  | "replaceRoot"
  | "repeat"
  | "babble"
  | "slip"
  | "leaveBehind"
  | "move"
  | "delay"
  | "lateShare"

/** How often each action comes, in parts of the whole. */
const frequencies: readonly (readonly [Action, parts: number])[] = [
  ["join", 3],
  ["leave", 1],
  ["start", 4],
  ["abort", 1],
  ["share", 6],
  ["shareAll", 6],
  ["beginMove", 3],
  ["endMove", 4],
  ["hold", 3],
  ["sweep", 3],
  ["depart", 3],
  ["comeBack", 4],
  ["crash", 1],
  ["loseDisk", 2],
  ["rekey", 2],
  ["revoke", 1],
  ["replace", 1],
  ["certify", 1],
  ["replaceRoot", 1],
  ["repeat", 4],
  ["babble", 3],
  ["slip", 8],
  ["leaveBehind", 10],
  ["move", 9],
  ["delay", 3],
  ["lateShare", 4],
]

/** What who ends a redistribution may do instead of ending it rightly. */
const tricks: Readonly<Record<number, "thief" | "forger">> = { 3: "thief", 5: "forger" }

const actions: Readonly<Record<Action, (world: CustodyWorld, node: WorldNode, which: number) => void>> = {
  join: (world, node, which) => world.join(node, which % 16 === 0 ? `shared ${which % 3}` : undefined, which >> 4),
  leave: (world, node) => world.leave(node),
  start: (world, node) => world.start(node),
  abort: (world, node) => world.abort(node),
  share: (world, node, which) => world.share(node, lossesOf(which), which % 8 === 1),
  shareAll(world, _node, which) {
    for (const node of world.nodes) world.share(node, lossesOf(which))
  },
  beginMove: (world, node, which) => world.beginMove(which % 2 === 0 ? (reachedMember(world, which) ?? node) : node, which >> 1),
  endMove(world, node, which) {
    const movers = world.nodes.filter(({ path }) =>
      [...(currentGeneration(world.custody)?.attempts.values() ?? [])].some(({ by }) => by === path),
    )
    const trick = tricks[which % 6]
    const mover = trick === "thief" ? node : (movers[which % Math.max(1, movers.length)] ?? node)
    world.endMove(mover, which % 8, { lost: lossesOf(which >> 3), ...(trick === undefined ? {} : { trick }) })
  },
  hold(world) {
    for (const node of world.nodes) world.hold(node)
  },
  sweep(world) {
    for (const node of world.nodes) world.sweep(node)
  },
  depart: (world, node) => world.depart(node),
  comeBack: (world, node, which) => world.comeBack(node, which % 2 === 1),
  crash: (world, node) => world.crash(node),
  loseDisk: (world, node) => world.loseDisk(node),
  rekey: (world, node) => world.rekey(node),
  revoke: (world, node) => world.end(node, false),
  replace: (world, node) => world.end(node, true),
  certify: (world, node) => world.certifyAgain(node),
  replaceRoot(world, _node, which) {
    if (which % 16 === 15) world.replaceRoot()
  },
  repeat: (world, _node, which) => world.repeat(which),
  babble(world, node, which) {
    const said = nonsense(world, which)
    if (said !== undefined) world.babble(node, said)
  },
  slip(world, _node, which) {
    const change = changeBy(which)
    world.slip((meant, before, author) => {
      if (meant.kind === "pieces-shared" && change.part === 6) return spoken(withOwnReceipt(world, author, meant))
      return spoken(changedStatement(meant, { ...change, older: commitmentsOf(before) }))
    })
  },
  /** Before an owner brings its receipts, a holder loses what it gave one for, or another member begins to move what the owner shared before. */
  lateShare(world, node, which) {
    world.delay()
    world.share(node, 0)
    const holder = reachedMember(world, which)
    if (holder !== undefined && which % 2 === 0) world.loseDisk(holder)
    if (holder !== undefined && which % 2 === 1) world.beginMove(holder, which >> 4)
    world.comeBack(node, false)
  },
  delay: (world) => world.delay(),
  /** A generation becomes complete without one that is away. */
  leaveBehind(world, node, which) {
    for (const other of world.nodes) if (other !== node && which % 2 === 0) world.comeBack(other, false)
    world.depart(node)
    world.start(reachedMember(world, which) ?? node)
    for (const other of world.nodes) world.share(other, 0)
    if (which % 8 === 0) world.comeBack(node, false)
  },
  move(world, node, which) {
    const mover = reachedMember(world, which) ?? node
    world.beginMove(mover, which)
    if (which % 4 > 0) world.endMove(mover, which % 8, { lost: lossesOf(which >> 3) })
  },
}

function reachedMember(world: CustodyWorld, which: number): WorldNode | undefined {
  const reached = world.nodes.filter(({ isAway, path }) => !isAway && world.custody.members.has(path))
  return reached[which % Math.max(1, reached.length)]
}

const step: fc.Arbitrary<CustodyStep> = fc.tuple(
  fc.constantFrom(...frequencies.flatMap(([action, parts]) => Array.from({ length: parts }, () => action))),
  fc.nat(5),
  fc.nat(0xff_ffff),
)

/** How many members there are in the beginning, and what happens then: at first most often a generation that becomes complete. */
export const custodyHistories: fc.Arbitrary<readonly [members: number, steps: readonly CustodyStep[]]> = fc
  .tuple(fc.constantFrom(6, 5, 4, 5, 3, 2), fc.nat(4), fc.array(step, { minLength: 6, maxLength: 24, size: "max" }))
  .map(([members, plain, steps]) => [members, plain === 0 ? steps : [["start", 0, 0], ["shareAll", 0, 1], ...steps]])

/** Most offers reach everybody. */
function lossesOf(which: number): number {
  return which % 2 === 0 ? which >> 1 : 0
}

/** Takes a step in a world. */
export function takeStep(world: CustodyWorld, [action, who, which]: CustodyStep): void {
  const node = world.nodes[who % world.nodes.length]
  if (node !== undefined) actions[action](world, node, which)
}

/** A statement of a while ago with something in it changed. */
function nonsense(world: CustodyWorld, which: number): CustodyStatement | undefined {
  const said = world.happenings.flatMap(({ entry: { statement } }) =>
    statement !== undefined && isCustodyStatement(statement) ? [statement] : [],
  )
  const kinds = [...new Set(said.map(({ kind }) => kind))]
  const before = said.findLast(({ kind }) => kind === kinds[which % kinds.length])
  return before === undefined ? undefined : spoken(changedStatement(before, changeBy(which >> 3)))
}

/** A sharing that shows a receipt of its owner in the place of another's. */
function withOwnReceipt(
  world: CustodyWorld,
  author: WorldNode,
  { body, kind }: Extract<CustodyStatement, { kind: "pieces-shared" }>,
): CustodyStatement {
  const { commitments, generation, receipts } = body
  const open = world.custody.generations.get(generation)
  const index = open === undefined ? undefined : indexIn(world.custody, open, author.path)
  if (index === undefined) return { kind, body }
  const sharing = unwrap(fromHex(world.idOf(author.path, generation, commitments)))
  const own = world.receipt(author, { owner: author.path, generation, sharing, index, attempt: 0 })
  return { kind, body: { ...body, receipts: [own, ...receipts.slice(1)].toSorted((a, b) => a.index - b.index) } }
}

/** What no codec lets through is not said. */
function spoken(statement: CustodyStatement): CustodyStatement | undefined {
  return decodeCustodyStatement(statement.kind, encodeCustodyStatement(statement)).ok ? statement : undefined
}

function commitmentsOf(statement: CustodyStatement | undefined): Shown["commitments"] {
  return statement?.kind === "pieces-shared" || statement?.kind === "pieces-redistributed" ? statement.body.commitments : []
}

interface Change {
  readonly by: number
  readonly part: number
  readonly fresh: string
  /** Of the sharing that its author showed before. */
  readonly older?: Shown["commitments"]
}

function changeBy(which: number): Change {
  return { by: which % 3 === 0 ? -1 : 1, part: (which >> 2) % 7, fresh: `${which}` }
}

function changedStatement(statement: CustodyStatement, change: Change): CustodyStatement {
  const { by, fresh, part } = change
  const moved = (number: number): KeyGeneration => unwrap(decodeKeyGeneration(Math.max(1, number + by)))
  switch (statement.kind) {
    case "custody-joined": {
      const { body } = statement
      return {
        ...statement,
        body: { ...body, revision: body.revision + by + part, ...(part === 0 ? { bootSigningKey: fakeBytes(`key /a 1 1`) } : {}) },
      }
    }
    case "custody-left":
      return { ...statement, body: { revision: statement.body.revision + by } }
    case "generation-started":
    case "generation-aborted":
      return {
        ...statement,
        kind: part < 3 ? "generation-started" : "generation-aborted",
        body: { generation: moved(statement.body.generation) },
      }
    case "pieces-wiped":
      return { ...statement, body: { upTo: moved(statement.body.upTo) } }
    case "pieces-held": {
      const held = statement.body.held.map((piece) =>
        part < 2 ? { ...piece, generation: moved(piece.generation) } : part < 3 ? { ...piece, sharing: fakeBytes(fresh) } : piece,
      )
      return { ...statement, body: { held } }
    }
    case "redistribution-started": {
      const { body } = statement
      const fields = { generation: part === 0 ? moved(body.generation) : body.generation, from: part === 1 ? moved(body.from) : body.from }
      return { ...statement, body: { ...body, ...fields, attempt: part > 1 ? moved(body.attempt) : body.attempt } }
    }
    case "pieces-redistributed":
      if (part === 6) return { ...statement, body: { ...statement.body, from: moved(statement.body.from) } }
      return { ...statement, body: { ...statement.body, ...changedShares(statement.body, change) } }
    default:
      return { ...statement, body: { ...statement.body, ...changedShares(statement.body, change) } }
  }
}

type Shown = Pick<Extract<CustodyStatement, { kind: "pieces-shared" }>["body"], "commitments" | "generation" | "receipts">

function changedShares({ commitments, generation, receipts }: Shown, { by, fresh, older, part }: Change): Shown {
  const [, ...others] = commitments
  switch (part) {
    case 0:
      return { generation: unwrap(decodeKeyGeneration(Math.max(1, generation + by))), commitments, receipts }
    case 1:
      return { generation, commitments: [fakePoint(fresh), ...others], receipts }
    case 2:
      return { generation, commitments: by < 0 ? others : [...commitments, fakePoint(fresh)], receipts }
    case 3:
      return { generation, commitments, receipts: receipts.slice(0, commitments.length - 1) }
    case 4:
      return {
        generation,
        commitments,
        receipts: [...receipts.slice(0, -1), ...receipts.slice(-1).map((receipt) => ({ ...receipt, signature: new Uint8Array(64) }))],
      }
    case 5:
      return { generation, commitments: older ?? commitments, receipts }
    default:
      return { generation, commitments: [...(older ?? commitments).slice(0, 1), ...others], receipts }
  }
}

/** An entry and what became of it, in words. */
export function describeHappening({ entry: { author, statement }, verdict }: Happening): string {
  const plain = JSON.stringify(statement?.body, (name, value: unknown) => {
    if (value instanceof Uint8Array) return toHex(value).slice(0, 6)
    return name === "commitments" && Array.isArray(value) ? `${value.length} points` : value
  })
  return `${author.path} ${statement?.kind ?? "unknown"} ${plain}: ${verdict}`
}
