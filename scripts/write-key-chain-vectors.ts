import { mkdirSync, writeFileSync } from "node:fs"
import { alice, type ChainCase } from "./vectors/chain-family.ts"
import { hex } from "./vectors/derivation.ts"
import { invalidChains } from "./vectors/invalid-chains.ts"
import { validChains } from "./vectors/valid-chains.ts"

/**
 * Writes vectors/key-chains/chains.json from docs/protocol alone, without this repository's code. Run once; the bytes are frozen, a change needs a new version of
 * the format.
 */
const names = new Map<string, string>()

/** Entries are shared between chains, so each is written once, under a number. */
function nameOf(entry: Uint8Array): string {
  const bytes = hex(entry)
  const known = names.get(bytes)
  if (known !== undefined) return known
  const name = `e${names.size}`
  names.set(bytes, name)
  return name
}

function written({ entries, expected, head, known, name, root = alice }: ChainCase): Record<string, unknown> {
  return {
    name,
    root: hex(root.anchor.key),
    entries: entries.map(nameOf),
    head: hex(head),
    ...(known === undefined ? {} : { known: { length: known.length, hash: hex(known.hash) } }),
    expected,
  }
}

const chains = [...validChains, ...invalidChains].map(written)
const vectors = {
  description: "docs/protocol/key-chain.md; bytes in hex; `entries` of a chain are names in `entries` of the file",
  entries: Object.fromEntries([...names].map(([bytes, name]) => [name, bytes])),
  chains,
}
const folder = new URL("../vectors/key-chains/", import.meta.url)
mkdirSync(folder, { recursive: true })
writeFileSync(new URL("chains.json", folder), `${JSON.stringify(vectors, undefined, 2)}\n`)
process.stdout.write(`${chains.length} chains, ${invalidChains.length} of them not to be believed, ${names.size} entries\n`)
