import type { Refusal } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import { badSignature, decodeEntry, entrySignBytes, type Entry } from "./entry.ts"

/** An entry whose form and signature hold, with the bytes that it came as. */
export interface VerifiedEntry {
  readonly bytes: Uint8Array
  readonly entry: Entry
}

/** Entries in order up to the first that does not hold. */
export interface VerifiedEntries {
  readonly verified: readonly VerifiedEntry[]
  /** What is wrong with the one after them; absent when that was the last one. */
  readonly fault?: Refusal<"ENTRY_INVALID">
}

/**
 * Verifies entries as `verifyEntry` does one after the other, with the same verdicts, which do not depend on any state: all of them are decoded first, then their signatures
 * are checked in one go. That takes a little less time than in turns.
 * @param entries as many as the caller keeps in memory decoded, such as a slice.
 */
export function verifyEntries(primitives: Pick<Primitives, "ed25519">, entries: readonly Uint8Array[]): VerifiedEntries {
  const { fault, signed } = decodeEntries(entries)
  const bad = signed.findIndex(({ entry, message }) => !primitives.ed25519.verify(entry.author.key, message, entry.signature))
  const forged = signed[bad]
  if (forged !== undefined) return { verified: signed.slice(0, bad), fault: badSignature(forged.entry) }
  return fault === undefined ? { verified: signed } : { verified: signed, fault }
}

interface SignedEntry extends VerifiedEntry {
  /** What its signature is over. */
  readonly message: Uint8Array
}

function decodeEntries(entries: readonly Uint8Array[]): {
  readonly signed: readonly SignedEntry[]
  readonly fault?: Refusal<"ENTRY_INVALID">
} {
  const signed: SignedEntry[] = []
  for (const bytes of entries) {
    const entry = decodeEntry(bytes)
    if (!entry.ok) return { signed, fault: entry }
    signed.push({ bytes, entry: entry.value, message: entrySignBytes(entry.value) })
  }
  return { signed }
}
