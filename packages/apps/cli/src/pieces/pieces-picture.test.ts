import type { PiecesMember, PiecesState } from "keygrove/rpc"
import { expect, test } from "vitest"
import { piecesPicture } from "./pieces-picture.ts"

const NAMES = ["/attic", "/desk", "/shed", "/yard"]

function member(path: string, on: readonly string[], change: Partial<PiecesMember> = {}): PiecesMember {
  const holders = NAMES.filter((name) => name !== path).map((name) => ({ path: name, isOn: on.includes(name) }))
  const canUnlock = holders.filter(({ isOn }) => isOn).length >= 3
  const sharings = [{ generation: 5, needed: 3, holders, movedBy: null }]
  const losses = holders.map((holder) => [holder.path])
  return { path, self: path === "/desk", unlock: "auto", evidence: null, isOn: on.includes(path), sharings, canUnlock, losses, ...change }
}

function pieces(nodes: readonly PiecesMember[], change: Partial<PiecesState> = {}): PiecesState {
  const generation = { generation: 5, members: 4, needed: 3, shared: 4 }
  const waits = { ownerSeconds: 600, attemptSeconds: 120, generationSeconds: 600, joinSeconds: 900 }
  const rest = { starting: null, joining: null, sharing: null, kept: 3, moves: [], waits, troubles: [], liars: [] }
  return { cluster: "0f", path: "/desk", isMember: true, members: nodes.length, fewest: 3, generation, nodes, ...rest, ...change }
}

test("one sees at a glance who keeps what, who is off, and whom that leaves locked", () => {
  const on = ["/attic", "/desk", "/shed"]
  expect(piecesPicture(pieces(NAMES.map((name) => member(name, on)))).split("\n")).toEqual([
    "4 members; key generation 5: any 3 pieces open a node, all have shared",
    "",
    "   node     now  1  2  3  4  pieces      can be unlocked now  may lose",
    "1  /attic   on   -  ■  ■  □  3, needs 3  no: 2 of 3 answer    0",
    "2  /desk *  on   ■  -  ■  □  3, needs 3  no: 2 of 3 answer    0",
    "3  /shed    on   ■  ■  -  □  3, needs 3  no: 2 of 3 answer    0",
    "4  /yard    off  ■  ■  ■  -  3, needs 3  yes                  0",
    "",
    "■ keeps a piece and answers now   □ keeps one and does not answer   · keeps none   - the node itself",
    "",
    "no machine may be lost; without /desk, for example, only a passphrase or key file would open /attic, /shed, /yard",
  ])
})

test("the way that the most holders can give counts, also when others moved it there", () => {
  const moved = member("/yard", NAMES, {
    sharings: [
      { generation: 6, needed: 3, holders: [{ path: "/attic", isOn: true }], movedBy: null },
      { generation: 5, needed: 2, holders: NAMES.slice(0, 3).map((path) => ({ path, isOn: true })), movedBy: "/shed" },
    ],
    unlock: "approve",
    canUnlock: true,
    losses: [["/attic", "/desk"]],
  })
  const text = piecesPicture(pieces([...NAMES.slice(0, 3).map((name) => member(name, NAMES)), moved]))
  expect(text).toMatch(/^4 {2}\/yard +on +■ {2}■ {2}■ {2}- {2}3, needs 2, moved by \/shed +yes, when approved +1$/m)
})

test("of ways that open nothing now, that counts which would if all were on, and its generation is named", () => {
  const off = (...paths: readonly string[]): PiecesMember["sharings"][number]["holders"] => paths.map((path) => ({ path, isOn: false }))
  const stranded = member("/yard", ["/desk"], {
    sharings: [
      { generation: 5, needed: 2, holders: off("/attic"), movedBy: null },
      { generation: 4, needed: 2, holders: off("/attic", "/shed"), movedBy: null },
    ],
  })
  const text = piecesPicture(pieces([...NAMES.slice(0, 3).map((name) => member(name, ["/desk"])), stranded]))
  expect(text).toMatch(/^4 {2}\/yard .* 2, needs 2, generation 4 +no: 0 of 2 answer/m)
})

test("what is wrong is said: no pieces, a generation that waits, who lies, who has no piece yet", () => {
  const bare = member("/shed", NAMES, { sharings: [], canUnlock: false, losses: [] })
  const text = piecesPicture(
    pieces([member("/attic", NAMES), member("/desk", NAMES), bare, member("/yard", NAMES)], {
      starting: { generation: 6, members: 4, needed: 3, shared: 1 },
      sharing: { generation: 6, given: 1, needed: 3, missing: [{ path: "/yard", reason: "it does not answer" }] },
      troubles: ["could not move sharings: PEER_UNREACHABLE: it is off"],
      liars: [{ path: "/yard", what: "its proof does not hold", at: new Date(0) }],
    }),
  )
  for (const line of [
    /^3 {2}\/shed +on .*none yet +no +-$/m,
    /^\/shed: only a passphrase or key file opens it now$/m,
    /^key generation 6 is starting: 1 of 4 have shared, 3 must; until then the one before counts$/m,
    /^\/yard does not keep this node's piece yet: it does not answer$/m,
    /^could not move sharings: PEER_UNREACHABLE: it is off$/m,
    /^\/yard does not keep to the protocol: its proof does not hold$/m,
  ])
    expect(text).toMatch(line)
})

test("whose pieces are moved without it is said, and when", () => {
  const now = Date.UTC(2026, 10, 21, 12)
  const moves = [
    { owner: "/shed", generation: 5, attempts: 0, dueAt: new Date(now + 300_000) },
    { owner: "/yard", generation: 5, attempts: 1, dueAt: new Date(now - 1) },
  ]
  const text = piecesPicture(
    pieces(
      NAMES.map((name) => member(name, NAMES)),
      { moves },
    ),
    now,
  )
  expect(text).toMatch(/^\/shed has not shared in key generation 5: its pieces are moved there without it in 5 minutes$/m)
  expect(text).toMatch(/^\/yard has .* without it now; 1 attempt came to nothing yet$/m)
})

test("before there is anything, it says how it begins", () => {
  expect(piecesPicture(pieces([], { isMember: false, generation: null }))).toMatch(/`keygrove pieces join` begins$/)
  const one = pieces([member("/desk", NAMES, { sharings: [], canUnlock: false, losses: [] })], { generation: null })
  expect(piecesPicture(one)).toMatch(/^1 member; pieces are shared once there are 3$/m)
})

test("whose machine has to show evidence is named, with the states that are accepted", () => {
  const evidence = { family: "tpm2", key: "0f".repeat(32), pcrs: [0, 7], digests: ["ab".repeat(32), "cd".repeat(32)] }
  const text = piecesPicture(pieces([member("/attic", NAMES, { evidence, unlock: "approve" }), member("/desk", NAMES)]))
  expect(text).toMatch(/^1 {2}\/attic .*yes, when approved, with evidence/m)
  expect(text).toContain("/attic has to show evidence (tpm2): registers 0,7 with the digest abababababababab… or cdcdcdcdcdcdcdcd…")
  expect(text).not.toContain("/desk has to show")
})

test("more members than fit beside each other are counted", () => {
  const many = Array.from({ length: 25 }, (_, index) => member(`/n${index}`, NAMES))
  const text = piecesPicture(pieces(many))
  expect(
    Math.max(
      ...text
        .split("\n")
        .slice(2, 27)
        .map((line) => line.length),
    ),
  ).toBeLessThan(80)
  expect(text).not.toContain("■")
})
