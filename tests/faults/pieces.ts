import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { decode } from "cborg"
import { checkKeptPieces, type KeptPiece } from "./checker/check-kept-pieces.ts"
import type { Violation } from "./checker/history.ts"
import { fieldsOf } from "./fields.ts"
import { eventually } from "./settle.ts"
import type { GroveNode } from "./world/grove-node.ts"

const ANSWER_MS = 10_000
const JOIN_MS = 90_000

/** Makes every node a member that is none, and waits until each one's storage key is shared among the others. */
export async function shareKeys(nodes: readonly GroveNode[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => await eventually(node, async () => (await becomeMember(node)) ?? true)))
  await untilShared(nodes)
}

/** Has a node become a member, where it is none; what comes of it takes a while. Why not, when it is refused. */
export async function becomeMember(node: GroveNode): Promise<string | undefined> {
  const status = await node.call("pieces.status", { ask: false }, ANSWER_MS)
  if (!status.ok) return `${status.code}: ${status.message}`
  if (fieldsOf(status.value)["isMember"] === true) return undefined
  const joined = await node.call("pieces.join", {}, JOIN_MS)
  return joined.ok ? undefined : `${joined.code}: ${joined.message}`
}

/** Waits until no key generation is under way and every node's key is shared in the newest one. */
export async function untilShared(nodes: readonly GroveNode[]): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      await eventually(node, async () => {
        const status = await node.call("pieces.status", { ask: false }, ANSWER_MS)
        if (!status.ok) return `${status.code}: ${status.message}`
        const { generation, starting, troubles } = fieldsOf(status.value)
        const { members, shared } = fieldsOf(generation)
        const isWhole = starting === null && members === nodes.length && shared === nodes.length
        return isWhole ? true : `its pieces are not where they belong: ${JSON.stringify({ generation, starting, troubles })}`
      })
    }),
  )
}

/** Has every holder prove what the ledger says that it keeps, and looks into every node's storage: one piece of each owner and generation, and no piece at two nodes. */
export async function checkPieces(nodes: readonly GroveNode[]): Promise<readonly Violation[]> {
  const proofs: Violation[] = []
  for (const node of nodes) proofs.push(...(await unproved(node)))
  const kept = nodes.flatMap((node) => piecesIn(node))
  return [...proofs, ...checkKeptPieces(kept)]
}

/** What lies in a node's database, whatever the node says. */
function piecesIn(node: GroveNode): readonly KeptPiece[] {
  using database = new DatabaseSync(join(node.home, "node.db"), { readOnly: true })
  return database
    .prepare("SELECT value FROM record WHERE collection = 'piece'")
    .all()
    .map(({ value }) => {
      const { generation, index, owner, sharing } = fieldsOf(value instanceof Uint8Array ? decode(value) : undefined)
      if (!(sharing instanceof Uint8Array)) throw new Error(`${node.name} keeps a piece that names no sharing`)
      const digits = Buffer.from(sharing).toString("hex")
      return { holder: `/${node.name}`, owner: String(owner), generation: Number(generation), index: Number(index), sharing: digits }
    })
}

/** What a node finds when it asks for every proof; who does not answer is asked again, who cannot prove is named. */
async function unproved(node: GroveNode): Promise<readonly Violation[]> {
  const found: Violation[] = []
  await eventually(node, async () => {
    const verified = await node.call("pieces.verify", {}, JOIN_MS)
    if (!verified.ok) return `it cannot verify pieces: ${verified.code}: ${verified.message}`
    const { pieces } = fieldsOf(verified.value)
    if (!Array.isArray(pieces) || pieces.length === 0) return "it finds no piece to verify"
    const missing = pieces.map(fieldsOf).filter(({ state }) => state !== "proved")
    const [silent] = missing.filter(({ state }) => state === "unreachable")
    if (silent !== undefined)
      return `no proof that ${String(silent["holder"])} keeps its piece of ${String(silent["owner"])}: ${String(silent["reason"])}`
    found.push(
      ...missing.map(({ holder, owner, reason }): Violation => {
        return {
          kind: "pieces",
          message: `${node.name} is not shown that ${String(holder)} keeps its piece of ${String(owner)}: ${String(reason)}`,
        }
      }),
    )
    return true
  })
  return found
}
