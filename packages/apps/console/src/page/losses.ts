import type { PiecesNode, PiecesOfNode } from "@keygrove/api"

/** What a holder is to an owner: `unknown` while nobody asked whether it answers. */
export type PieceMark = "self" | "on" | "off" | "unknown" | "none"

export function markOf(owner: string, { holders }: Pick<PiecesOfNode, "holders">, holder: string): PieceMark {
  if (owner === holder) return "self"
  const found = holders.find(({ path }) => path === holder)
  if (found === undefined) return "none"
  return found.isOn === null ? "unknown" : found.isOn ? "on" : "off"
}

/** Nodes that their peers could not unlock without some machines, other than those machines. */
export function lostWithout(nodes: readonly PiecesNode[], gone: ReadonlySet<string>): readonly string[] {
  const isOpened = ({ holders, needed }: PiecesOfNode): boolean => holders.filter(({ path }) => !gone.has(path)).length >= needed
  return nodes.filter(({ path, sharings }) => !gone.has(path) && !sharings.some(isOpened)).map(({ path }) => path)
}

/** Machines that may be lost, whichever they are, without that a node's peers cannot unlock it; none where they cannot now. */
export function spareOf({ losses }: Pick<PiecesNode, "losses">): number | undefined {
  const [smallest] = losses
  return smallest === undefined ? undefined : smallest.length - 1
}

/** What the loss of machines means for the whole of the members, in a sentence. */
export function lossSentence(nodes: readonly PiecesNode[]): string {
  const spares = nodes.flatMap((node) => spareOf(node) ?? [])
  if (spares.length === 0) return "Nodes open with their passphrases or key files only, until pieces are shared."
  const least = Math.min(...spares)
  if (least === 0) return "No machine may be lost: without one, others open with their passphrases or key files only."
  return `Any ${least === 1 ? "one machine" : `${least} machines`} may be lost for good, and the others can still be unlocked.`
}

/** What a person would find without some machines. */
export function outcomeWithout(nodes: readonly PiecesNode[], gone: ReadonlySet<string>): string {
  if (gone.size === 0) return "Choose machines, to see what their loss would mean."
  const lost = lostWithout(nodes, gone)
  const without = `Without ${listed([...gone])}, `
  if (lost.length === 0) return `${without}every other node could still be unlocked.`
  return `${without}only a passphrase or key file would open ${listed(lost)}.`
}

/** `/a`, `/a and /b`, `/a, /b and /c`. */
export function listed(paths: readonly string[]): string {
  const last = paths.at(-1) ?? ""
  return paths.length < 2 ? last : `${paths.slice(0, -1).join(", ")} and ${last}`
}

/** Names for headings: the last part of each path, and the whole where that part is another's too. */
export function shortNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const lastOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1)
  const isShared = (path: string): boolean => paths.some((other) => other !== path && lastOf(other) === lastOf(path))
  return new Map(paths.map((path) => [path, isShared(path) ? path : lastOf(path)]))
}
