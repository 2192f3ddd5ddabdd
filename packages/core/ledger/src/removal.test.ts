import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { checkBatch } from "./batch.ts"
import {
  anchorName,
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitGrant,
  kitKey,
  kitPrimitives,
  kitRekey,
  kitRoot,
  nodeEntry,
  nodeRevokedEntry,
  orderEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
  termsEntry,
  trustEntry,
  trustRemovedEntry,
  type KitNode,
} from "./ledger-kit.contract.ts"
import { MAX_LEDGER_ENTRIES } from "./limits.ts"
import { decodeLedgerIndex } from "./head.ts"
import { findNode, findNodeByKey, findPolicy, owesRekey, trustIn } from "./state.ts"

const root = kitRoot("alice")
const bob = kitRoot("bob")
const laptop = kitChild(root, "/laptop")
const phone = kitChild(root, "/laptop/phone")
const watch = kitChild(root, "/laptop/phone/watch")
const server = kitChild(root, "/server")
/** A neighbour in the order of paths: `-` sorts before `/`. */
const laptopOld = kitChild(root, "/laptop-old")

const opening = [clusterEntry(root), clusterEntry(bob)]
const family = [
  ...opening,
  ...[laptop, server, laptopOld].flatMap((node) => [nodeEntry(root, node), rekeyEntry(node, 1)]),
  nodeEntry(laptop, phone),
  rekeyEntry(phone, 1),
  nodeEntry(phone, watch),
  rekeyEntry(watch, 1),
]
const after = (...entries: readonly Uint8Array[]): ReturnType<typeof kitFold> => kitFold([...family, ...entries])
const last = (...entries: readonly Uint8Array[]): string | undefined => after(...entries).verdicts.at(-1)
const origin = kitPrimitives.sha256(opening[0] ?? new Uint8Array(0))

function grant(name: string, owner: KitNode, proxy: KitNode = server): Uint8Array {
  const body = kitGrant(name, { node: owner, epoch: 1 }, [{ node: proxy, epoch: 1 }])
  return kitEntry({ kind: "policy-granted", body }, owner, signingName(owner, 1))
}

function endPolicy(name: string, by: KitNode, key = signingName(by, 1)): Uint8Array {
  return kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, by, key)
}

describe("a revoked node", () => {
  test("ends with all below it and nothing beside it", () => {
    const { ledger } = after(nodeRevokedEntry(root, laptop))
    for (const gone of [laptop, phone, watch]) {
      expect(findNode(ledger.state, gone)).toBeUndefined()
      expect(findNodeByKey(ledger.state, kitKey(signingName(gone, 1)))).toBeUndefined()
      expect(ledger.state.clusters.get(root.cluster)?.removed.get(gone.path)).toMatchObject({
        generation: 1,
        reason: "compromised",
        at: 12,
      })
    }
    expect(findNode(ledger.state, server)).toBeDefined()
    expect(findNode(ledger.state, laptopOld)).toBeDefined()
  })

  test("is revoked by an ancestor's anchor only, however far up", () => {
    expect(last(nodeRevokedEntry(root, watch))).toBe("applied")
    expect(last(nodeRevokedEntry(laptop, watch))).toBe("applied")
    expect(last(nodeRevokedEntry(server, watch))).toBe("NODE_NOT_BELOW")
    expect(last(nodeRevokedEntry(watch, phone))).toBe("NODE_NOT_BELOW")
    expect(last(nodeRevokedEntry(laptop, laptop))).toBe("NODE_NOT_BELOW")
    expect(last(nodeRevokedEntry(bob, laptop))).toBe("NODE_UNKNOWN")
    const body = { path: phone.path, generation: kitRekey(phone, 1).generation, reason: "retired" as const }
    expect(last(kitEntry({ kind: "node-revoked", body }, laptop, signingName(laptop, 1)))).toBe("AUTHOR_KEY_WRONG")
  })

  test("says nothing any more, and what it said before still counts", () => {
    const { ledger, verdicts } = after(
      grant("p", laptop),
      nodeRevokedEntry(root, laptop),
      grant("q", laptop),
      termsEntry(phone, 1, 1),
      rekeyEntry(phone, 2),
      nodeEntry(phone, kitChild(root, "/laptop/phone/pen")),
    )
    expect(verdicts.slice(-4)).toEqual(["AUTHOR_UNKNOWN", "AUTHOR_UNKNOWN", "AUTHOR_UNKNOWN", "AUTHOR_UNKNOWN"])
    expect(findPolicy(ledger.state, kitBytes("policy p"))?.revokedAt).toBeUndefined()
  })

  test("comes back with a higher generation only, and never with a key it had", () => {
    const back = kitChild(root, "/laptop", 2)
    const revoked = nodeRevokedEntry(root, laptop)
    expect(last(revoked, nodeEntry(root, laptop))).toBe("NODE_GENERATION_STALE")
    expect(last(revoked, nodeEntry(root, back))).toBe("applied")
    expect(last(revoked, nodeEntry(root, back), nodeEntry(back, phone))).toBe("NODE_GENERATION_STALE")
    expect(last(revoked, nodeEntry(root, back), nodeEntry(back, kitChild(root, "/laptop/phone", 2)))).toBe("applied")
    const body = { path: kitChild(root, "/other").path, generation: kitRekey(laptop, 1).generation, anchorKey: kitKey(anchorName(phone)) }
    expect(last(revoked, kitEntry({ kind: "node", body }, root, anchorName(root)))).toBe("ANCHOR_KEY_REUSED")
    // A repeated revocation does not end the node that came back.
    expect(last(revoked, nodeEntry(root, back), revoked)).toBe("NODE_GENERATION_STALE")
    expect(last(revoked, revoked)).toBe("NODE_UNKNOWN")
  })

  test("is not the last one by accident", () => {
    const lonely = [clusterEntry(root), nodeEntry(root, laptop), rekeyEntry(laptop, 1), nodeEntry(laptop, phone)]
    expect(kitFold([...lonely, nodeRevokedEntry(root, laptop)]).verdicts.at(-1)).toBe("NODE_LAST")
    expect(kitFold([...lonely, nodeRevokedEntry(root, laptop, { isLast: true })]).verdicts.at(-1)).toBe("applied")
    expect(kitFold([...lonely, nodeRevokedEntry(root, phone)]).verdicts.at(-1)).toBe("applied")
  })

  test("can always be revoked: no limit of the log stands in the way", () => {
    const full = { length: unwrap(decodeLedgerIndex(MAX_LEDGER_ENTRIES)), hash: kitBytes("full") }
    expect(checkBatch(kitPrimitives, full, [nodeRevokedEntry(root, laptop)]).ok).toBe(true)
    expect(checkBatch(kitPrimitives, full, [rootReplacedEntry(root, bob)]).ok).toBe(true)
    expect(checkBatch(kitPrimitives, full, [trustRemovedEntry(laptop, bob, 1)]).ok).toBe(true)
    expect(checkBatch(kitPrimitives, full, [rekeyEntry(laptop, 2)])).toMatchObject({ code: "LEDGER_FULL" })
  })
})

describe("a last good entry", () => {
  // Entries 12 to 15.
  const written = [grant("early", phone), trustEntry(phone, bob, 1), grant("late", phone), grant("beside", server)]

  test("undoes what was given away after it, by the node and all below it, and nothing else", () => {
    const { ledger } = after(...written, nodeRevokedEntry(root, laptop, { lastGood: { origin, index: 12 } }))
    const revokedAt = (name: string): number | undefined => findPolicy(ledger.state, kitBytes(`policy ${name}`))?.revokedAt
    expect([revokedAt("early"), revokedAt("late"), revokedAt("beside")]).toEqual([undefined, 16, undefined])
    expect(trustIn(ledger.state, root.cluster, bob.cluster)?.standing).toBe("removed")
    expect(ledger.state.clusters.get(root.cluster)).toMatchObject({ trustCount: 0 })
    expect(ledger.state.clusters.get(root.cluster)?.livePolicies.size).toBe(2)
  })

  test("is of this log, or it is left alone: another log counts differently", () => {
    const { ledger, verdicts } = after(
      ...written,
      nodeRevokedEntry(root, laptop, { lastGood: { origin: kitBytes("other log"), index: 0 } }),
    )
    expect(verdicts.at(-1)).toBe("applied")
    expect(findPolicy(ledger.state, kitBytes("policy late"))?.revokedAt).toBeUndefined()
    expect(findNode(ledger.state, laptop)).toBeUndefined()
  })

  test("brings nothing back that was taken away", () => {
    const { ledger } = after(
      grant("p", phone),
      endPolicy("p", phone),
      trustEntry(phone, bob, 1),
      trustRemovedEntry(phone, bob, 2),
      nodeRevokedEntry(root, laptop, { lastGood: { origin, index: 12 } }),
    )
    expect(findPolicy(ledger.state, kitBytes("policy p"))?.revokedAt).toBe(13)
    expect(trustIn(ledger.state, root.cluster, bob.cluster)).toMatchObject({ standing: "removed", trust: { removedAt: 15 } })
  })
})

describe("an ancestor's power", () => {
  test("an order to rekey is owed until it is paid, and is not repeated", () => {
    const ordered = after(orderEntry(root, phone, 2)).ledger
    const node = findNode(ordered.state, phone)
    expect(node !== undefined && owesRekey(node)).toBe(true)
    const paid = findNode(kitFold([rekeyEntry(phone, 2)], ordered).ledger.state, phone)
    expect(paid !== undefined && owesRekey(paid)).toBe(false)
    expect(last(orderEntry(root, phone, 2), orderEntry(laptop, phone, 2))).toBe("REKEY_ORDER_STALE")
    expect(last(orderEntry(root, phone, 1))).toBe("REKEY_ORDER_STALE")
    expect(last(orderEntry(server, phone, 2))).toBe("NODE_NOT_BELOW")
    expect(last(orderEntry(root, kitChild(root, "/laptop/phone", 2), 2))).toBe("NODE_GENERATION_STALE")
    expect(last(orderEntry(root, kitChild(root, "/none"), 2))).toBe("NODE_UNKNOWN")
  })

  test("it ends the policies of those below it, also when they are gone, and of nobody else", () => {
    expect(last(grant("p", phone), endPolicy("p", laptop))).toBe("applied")
    expect(last(grant("p", phone), endPolicy("p", root, anchorName(root)))).toBe("applied")
    expect(last(grant("p", phone), nodeRevokedEntry(root, phone), endPolicy("p", laptop))).toBe("applied")
    expect(last(grant("p", phone), endPolicy("p", server))).toBe("POLICY_OWNER_WRONG")
    expect(last(grant("p", phone), endPolicy("p", watch))).toBe("POLICY_OWNER_WRONG")
    expect(last(grant("p", laptop), endPolicy("p", laptopOld))).toBe("POLICY_OWNER_WRONG")
    expect(last(grant("p", phone), endPolicy("p", laptop, anchorName(laptop)))).toBe("AUTHOR_KEY_WRONG")
  })
})

describe("trust between clusters", () => {
  test("counts up, so that nothing old is repeated", () => {
    const said = trustEntry(laptop, bob, 1)
    const { ledger } = after(said)
    expect(trustIn(ledger.state, root.cluster, bob.cluster)).toMatchObject({ standing: "trusted", trust: { by: "/laptop", at: 12 } })
    expect(trustIn(ledger.state, bob.cluster, root.cluster)).toBeUndefined()
    expect(last(said, said)).toBe("TRUST_STALE")
    expect(last(said, trustRemovedEntry(server, bob, 2), said)).toBe("TRUST_STALE")
    expect(last(said, trustRemovedEntry(server, bob, 2), trustEntry(server, bob, 3))).toBe("applied")
    expect(last(said, trustRemovedEntry(server, bob, 1))).toBe("TRUST_STALE")
    expect(last(trustRemovedEntry(server, bob, 1))).toBe("TRUST_UNKNOWN")
  })

  test("is in a root of that fingerprint, and not in oneself", () => {
    const body = { cluster: bob.cluster, anchorKey: kitKey("somebody else"), revision: 1 }
    expect(last(kitEntry({ kind: "trust", body }, laptop, signingName(laptop, 1)))).toBe("TRUST_FINGERPRINT_WRONG")
    expect(last(trustEntry(laptop, root, 1))).toBe("TRUST_SELF")
  })

  test("is stale when the other root stepped down", () => {
    const carol = kitRoot("carol")
    const { ledger } = after(trustEntry(laptop, bob, 1), rootReplacedEntry(bob, carol))
    expect(trustIn(ledger.state, root.cluster, bob.cluster)?.standing).toBe("stale")
  })
})

describe("a root that stepped down", () => {
  const carol = kitRoot("carol")

  test("only removes from then on", () => {
    const replaced = [grant("p", laptop), trustEntry(laptop, bob, 1), rootReplacedEntry(root, carol)]
    for (const refused of [rekeyEntry(laptop, 2), grant("q", laptop), termsEntry(server, 1, 1), nodeEntry(root, kitChild(root, "/new"))])
      expect(last(...replaced, refused)).toBe("CLUSTER_REPLACED")
    expect(last(...replaced, endPolicy("p", laptop))).toBe("applied")
    expect(last(...replaced, trustRemovedEntry(laptop, bob, 2))).toBe("applied")
    expect(last(...replaced, nodeRevokedEntry(root, phone))).toBe("applied")
    expect(last(...replaced, rootReplacedEntry(root, kitRoot("dave")))).toBe("CLUSTER_REPLACED")
  })

  test("names another root, by its own anchor", () => {
    expect(last(rootReplacedEntry(root, root))).toBe("ROOT_SUCCESSOR_WRONG")
    const body = { successor: carol.cluster, anchorKey: kitKey("somebody else") }
    expect(last(kitEntry({ kind: "root-replaced", body }, root, anchorName(root)))).toBe("ROOT_SUCCESSOR_WRONG")
    const byNode = { successor: carol.cluster, anchorKey: kitKey(anchorName(carol)) }
    expect(last(kitEntry({ kind: "root-replaced", body: byNode }, laptop, anchorName(laptop)))).toBe("AUTHOR_KEY_WRONG")
  })
})
