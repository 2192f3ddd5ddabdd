import { toHex } from "@keygrove/base"
import fc from "fast-check"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitGrant,
  kitKey,
  kitPrimitives,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
} from "./ledger-kit.contract.ts"
import { plausibleHistories, successionHistories } from "./plausible-history.contract.ts"
import { readerStandings, type ReaderStanding } from "./readers.ts"
import type { LedgerState } from "./state.ts"

const root = kitRoot("readers")
const laptop = kitChild(root, "/laptop")
const base = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1)]
const reader = kitKey("boot")

function granted(name: string): Uint8Array {
  const grant = kitGrant(name, { node: laptop, epoch: 1 }, [{ node: laptop, epoch: 1 }])
  const body = { ...grant, reader: { ...grant.reader, signingKey: reader } }
  return kitEntry({ kind: "policy-granted", body }, laptop, signingName(laptop, 1))
}

function revoked(name: string): Uint8Array {
  return kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, laptop, signingName(laptop, 1))
}

const standingsOf = (entries: readonly Uint8Array[], key = reader): readonly (readonly [string, ReaderStanding])[] => [
  ...readerStandings(kitFold([...base, ...entries]).ledger.state, key),
]

test("a reader that is no node stands as long as one of its policies does, and has ended where the last was revoked", () => {
  expect(standingsOf([])).toEqual([])
  expect(standingsOf([granted("p"), granted("q")])).toEqual([[root.cluster, { standing: 2 }]])
  expect(standingsOf([granted("p"), granted("q"), revoked("p")])).toEqual([[root.cluster, { standing: 1, endedAt: 5 }]])
  expect(standingsOf([granted("p"), granted("q"), revoked("q"), revoked("p")])).toEqual([[root.cluster, { standing: 0, endedAt: 6 }]])
  const origin = kitPrimitives.sha256(base[0] ?? new Uint8Array(0))
  const undone = nodeRevokedEntry(root, laptop, { isLast: true, lastGood: { origin, index: 3 } })
  expect(standingsOf([granted("p"), granted("q"), undone])).toEqual([[root.cluster, { standing: 1, endedAt: 5 }]])
})

test("a node is not known by what it reads", () => {
  const grant = kitGrant("p", { node: laptop, epoch: 1 }, [{ node: laptop, epoch: 1 }])
  const key = kitKey(signingName(laptop, 1))
  const body = { ...grant, reader: { ...grant.reader, signingKey: key } }
  expect(standingsOf([kitEntry({ kind: "policy-granted", body }, laptop, signingName(laptop, 1))], key)).toEqual([])
})

/** Counted from the policies, as slow as that is. */
function recounted({ policies }: LedgerState): unknown {
  const counts: Record<string, Record<string, ReaderStanding>> = {}
  for (const { grant, owner, revokedAt } of policies.values()) {
    const byCluster = (counts[toHex(grant.reader.signingKey)] ??= {})
    const { endedAt: before = -1, standing } = byCluster[owner.cluster] ?? { standing: 0 }
    const endedAt = Math.max(before, revokedAt ?? -1)
    const now = { standing: standing + (revokedAt === undefined ? 1 : 0), ...(endedAt < 0 ? {} : { endedAt }) }
    byCluster[owner.cluster] = now as ReaderStanding
  }
  return counts
}

const readersOf = ({ readers }: LedgerState): unknown =>
  Object.fromEntries([...readers.entries()].map(([key, byCluster]) => [key, Object.fromEntries(byCluster.entries())]))

test("over random histories the readers are those of the policies", () => {
  fc.assert(
    fc.property(fc.oneof(plausibleHistories, successionHistories), (history) => {
      const { ledger } = kitFold(history)
      expect(readersOf(ledger.state)).toEqual(recounted(ledger.state))
    }),
    { numRuns: 10 },
  )
})
