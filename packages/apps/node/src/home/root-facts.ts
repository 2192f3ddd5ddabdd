import { ok, type Result } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { clusterIdOf, ROOT_PATH, type ClusterId, type RootFacts } from "@keygrove/hierarchy"
import { decodeEntry } from "@keygrove/ledger"
import { readGenesis } from "./home-facts.ts"
import { homeOf } from "./home.ts"

/** The root's anchor of a home's cluster, where the home was made with the words; `undefined` where it joined by an invitation, which names the parent only. */
export function readRootFacts(directory: string, cluster: ClusterId): Result<RootFacts | undefined> {
  const entries = readGenesis(homeOf(directory).genesis)
  if (!entries.ok) return entries
  for (const bytes of entries.value) {
    const entry = decodeEntry(bytes)
    if (!entry.ok || entry.value.author.path !== ROOT_PATH) continue
    const facts = rootFactsOf(cluster, entry.value.author.key)
    if (facts !== undefined) return ok(facts)
  }
  return ok(undefined)
}

/** A cluster and the anchor of its root; `undefined` when the key is another's: the id is the key's fingerprint. */
export function rootFactsOf(cluster: ClusterId, anchorKey: Uint8Array): RootFacts | undefined {
  return clusterIdOf(nativePrimitives, anchorKey) === cluster ? { cluster, anchorKey } : undefined
}
