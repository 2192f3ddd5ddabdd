import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fromHex, unwrap } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { nativePrimitives } from "@keygrove/curves-native"
import { portablePrimitives } from "@keygrove/curves-wasm"
import { decodeKeyChainHead, decodeLedgerIndex, verifyKeyChain, type LedgerHead } from "@keygrove/ledger"
import { describe, expect, test } from "vitest"

interface Chain {
  readonly name: string
  readonly root: string
  readonly entries: readonly string[]
  readonly head: string
  readonly known?: { readonly length: number; readonly hash: string }
  readonly expected: {
    readonly nodes?: Readonly<Record<string, readonly [number, number]>>
    readonly replaced?: boolean
    readonly code?: string
    readonly index?: number
    readonly reason?: string
  }
}

const file = readFileSync(new URL("../../vectors/key-chains/chains.json", import.meta.url))
const vectors: { readonly entries: Readonly<Record<string, string>>; readonly chains: readonly Chain[] } = JSON.parse(file.toString())
const bytesOf = (hex: string | undefined): Uint8Array => unwrap(fromHex(hex ?? "missing"))

/** What a reader says of a chain, in the words of the vectors. */
function verdictOn(primitives: Primitives, chain: Chain): Chain["expected"] {
  const head = decodeKeyChainHead(bytesOf(chain.head))
  if (!head.ok) return { code: head.code }
  const verified = verifyKeyChain(primitives, bytesOf(chain.root), {
    entries: chain.entries.map((name) => bytesOf(vectors.entries[name])),
    head: head.value,
    ...(chain.known === undefined ? {} : { known: seen(chain.known) }),
  })
  if (!verified.ok) return { code: verified.code, ...verified.data }
  const { members } = verified.value
  const nodes = [...members.nodes.values()].filter(({ path }) => path !== "/")
  return {
    nodes: Object.fromEntries(nodes.map(({ generation, keys, path }) => [path, [generation, keys?.epoch ?? 0]])),
    ...(members.replacedBy === undefined ? {} : { replaced: true }),
  }
}

function seen({ hash, length }: { readonly length: number; readonly hash: string }): LedgerHead {
  return { length: unwrap(decodeLedgerIndex(length)), hash: bytesOf(hash) }
}

test("the bytes are frozen", () => {
  expect(createHash("sha256").update(file).digest("hex")).toBe("784f43d43fa85ead3322cc042f005be0e41c0ab5e00b3b688f643dc9da7d68bd")
})

describe.each([
  ["native", nativePrimitives],
  ["portable", portablePrimitives],
] as const)("%s primitives", (_, primitives) => {
  test.each(vectors.chains.map((chain) => [chain.name, chain] as const))("%s", (_name, chain) => {
    const verdict = verdictOn(primitives, chain)
    // The index is told also where the vectors do not fix it.
    expect(verdict).toMatchObject(chain.expected)
    expect(verdict.nodes).toEqual(chain.expected.nodes)
  })
})
