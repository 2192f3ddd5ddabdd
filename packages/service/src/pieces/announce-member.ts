import { equalBytes, ok } from "@keygrove/base"
import { MAX_MEMBER_ADDRESS_CHARACTERS, MAX_MEMBER_ADDRESSES } from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import { MAX_PAUSE_MS, remainingMs, state, type CustodyRound, type DutyOutcome } from "./custody-round.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** Addresses that changed are said so much later, and once in so long, so that a line that comes and goes does not fill the ledger. */
const SETTLED_MS = 30_000

/** Says on the ledger where this member is now and what its boot keys are, when they are others than the ledger has. */
export async function announceMember({ context, self, sightings }: CustodyRound, options: CallOptions): Promise<DutyOutcome> {
  const keys = await context.keystore.bootKeys(options)
  if (!keys.ok) return keys
  const addresses = listenAddresses(context)
  const isKnown = isSame(addresses, self.addresses) || addresses.length === 0
  const hasKeys = equalBytes(keys.value.signingKey, self.bootSigningKey) && equalBytes(keys.value.sealingKey, self.bootSealingKey)
  if (isKnown && hasKeys) return ok(MAX_PAUSE_MS)
  const age = sightings.ageMs(`announce ${self.revision} ${addresses.join(" ")}`, context.clock.now())
  if (age < SETTLED_MS) return ok(remainingMs(SETTLED_MS, age))
  const body = {
    revision: self.revision + 1,
    bootSigningKey: keys.value.signingKey,
    bootSealingKey: keys.value.sealingKey,
    unlock: self.unlock,
    ...(self.evidence === undefined ? {} : { evidence: self.evidence }),
    addresses: addresses.length === 0 ? self.addresses : addresses,
  }
  const said = await state(context, { kind: "custody-joined", body }, options)
  return said.ok ? ok(MAX_PAUSE_MS) : said
}

/** Where this node listens, as far as a statement takes it. */
export function listenAddresses({ transport }: Pick<PiecesContext, "transport">): readonly string[] {
  const fitting = transport.addresses().filter((address) => address.length <= MAX_MEMBER_ADDRESS_CHARACTERS)
  return [...new Set(fitting)].toSorted().slice(0, MAX_MEMBER_ADDRESSES)
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index])
}
