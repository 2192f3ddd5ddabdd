import { unwrap } from "@keygrove/base"
import { decodeTimestamp, type Timestamp } from "@keygrove/hierarchy"
import { emptyLedger, foldEntry, type LedgerState } from "@keygrove/ledger"
import { describe, expect, test } from "vitest"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitEpochKeys,
  kitGrant,
  kitKey,
  kitPoint,
  kitPrimitives,
  kitRoot,
  kitSeed,
  nodeEntry,
  nodeRevokedEntry,
  rekeyEntry,
  signingName,
  type KitNode,
} from "../../ledger/src/ledger-kit.contract.ts"
import { admitReencrypt, admitRemoval, admitStore, MAX_CLOCK_SKEW_MS, type ProxyView } from "./admission.ts"
import type { PolicyDraft, ReencryptionRequest } from "./proxy-messages.ts"
import { requestSignBytes } from "./proxy-signatures.ts"

const at = (milliseconds: number): Timestamp => unwrap(decodeTimestamp(milliseconds))
const NOW = 1_800_000_000_000
const EXPIRY = NOW + 1_000_000
const OFFER_END = NOW + 2_000_000
const CAPACITY = 3

const aliceRoot = kitRoot("alice")
const alice = kitChild(aliceRoot, "/laptop")
const proxyRoot = kitRoot("carol")
const proxy = kitChild(proxyRoot, "/server")
const mallory = kitChild(kitRoot("mallory"), "/laptop")
const keyOf = (node: KitNode, epoch = 1): Uint8Array => kitKey(signingName(node, epoch))
const terms = (until: number): Uint8Array =>
  kitEntry(
    { kind: "proxy-terms", body: { revision: 1, until: at(until), capacity: CAPACITY, addresses: ["/ip4/127.0.0.1/tcp/7000"] } },
    proxy,
    signingName(proxy, 1),
  )
const grant = {
  ...kitGrant("p", { node: alice, epoch: 1 }, [{ node: proxy, epoch: 1 }]),
  expiresAt: at(EXPIRY),
}
const granted = kitEntry({ kind: "policy-granted", body: grant }, alice, signingName(alice, 1))
const revoked = kitEntry({ kind: "policy-revoked", body: { policyId: grant.policyId } }, alice, signingName(alice, 1))
const nodes = [alice, proxy, mallory].flatMap((node) => {
  const root = rootOf(node)
  return [clusterEntry(root), nodeEntry(root, node), rekeyEntry(node, 1)]
})

function rootOf(node: KitNode): KitNode {
  return [aliceRoot, proxyRoot, kitRoot("mallory")].find((root) => root.cluster === node.cluster) ?? aliceRoot
}

/** The state after these entries, every one of which must apply. */
function stateOf(...entries: readonly Uint8Array[]): LedgerState {
  let ledger = emptyLedger()
  for (const entry of [...nodes, ...entries]) {
    const folded = unwrap(foldEntry(kitPrimitives, ledger, entry))
    expect(folded.judged.verdict.kind).toBe("applied")
    ledger = folded.ledger
  }
  return ledger.state
}

const view = (state: LedgerState, now = NOW): ProxyView => ({ state, now: at(now), selfKey: keyOf(proxy) })
const draft: PolicyDraft = {
  policyId: grant.policyId,
  owner: { cluster: alice.cluster, path: alice.path },
  labelKey: grant.labelKey,
  delegationKey: grant.delegationKey,
  reader: grant.reader,
  expiresAt: grant.expiresAt,
}

describe("a fragment is accepted", () => {
  const offering = stateOf(terms(OFFER_END))
  const store = (changes: Partial<PolicyDraft> = {}, state = offering, from = keyOf(alice), now = NOW, held = 0) =>
    admitStore(view(state, now), from, { ...draft, ...changes }, held)

  test("from the owner, by a node that offers", () => {
    expect(unwrap(store()).keys.signingKey).toEqual(keyOf(alice))
    expect(store({}, offering, keyOf(alice), NOW, CAPACITY - 1).ok).toBe(true)
    expect(store({ expiresAt: at(OFFER_END) }).ok).toBe(true)
    expect(store({}, stateOf(terms(OFFER_END), granted)).ok).toBe(true)
  })

  test.each([
    ["by a node without an offer", "NOT_OFFERING", () => store({}, stateOf())],
    ["by a node whose offer ended", "NOT_OFFERING", () => store({}, stateOf(terms(NOW)))],
    ["for a policy that outlives the offer", "OFFER_TOO_SHORT", () => store({ expiresAt: at(OFFER_END + 1) })],
    ["for a policy that expired", "POLICY_EXPIRED", () => store({ expiresAt: at(NOW) })],
    ["beyond the capacity", "CAPACITY_SPENT", () => store({}, offering, keyOf(alice), NOW, CAPACITY)],
    ["for an owner nobody knows", "OWNER_UNKNOWN", () => store({ owner: kitChild(kitRoot("nobody"), "/x") })],
    ["for an owner without keys", "OWNER_UNKNOWN", () => store({ owner: { cluster: alice.cluster, path: aliceRoot.path } })],
    ["from another node", "NOT_OWNER", () => store({}, offering, keyOf(mallory))],
    ["with another delegation key", "NOT_OWNER", () => store({ delegationKey: kitPoint("another") })],
    ["of a revoked policy", "POLICY_REVOKED", () => store({}, stateOf(terms(OFFER_END), granted, revoked))],
    [
      "of a policy that another granted",
      "NOT_OWNER",
      () =>
        store(
          {
            owner: { cluster: mallory.cluster, path: mallory.path },
            delegationKey: kitEpochKeys(mallory, 1).delegationKey,
          },
          stateOf(terms(OFFER_END), granted),
          keyOf(mallory),
        ),
    ],
  ])("not %s: %s", (_when, code, admit) => {
    expect(admit()).toMatchObject({ ok: false, code })
  })

  test("after a rekey from the new signing key only", () => {
    const rekeyed = stateOf(terms(OFFER_END), rekeyEntry(alice, 2))
    const { delegationKey } = kitEpochKeys(alice, 2)
    expect(store({ delegationKey }, rekeyed, keyOf(alice, 2)).ok).toBe(true)
    expect(store({}, rekeyed, keyOf(alice, 1))).toMatchObject({ ok: false, code: "NOT_OWNER" })
  })
})

describe("a capsule is re-encrypted", () => {
  const standing = stateOf(terms(OFFER_END), granted)
  const signed = (changes: Partial<ReencryptionRequest> = {}, signer = "reader p", selfKey = keyOf(proxy)): ReencryptionRequest => {
    const request = { policyId: grant.policyId, capsules: [new Uint8Array(105)], issuedAt: at(NOW), nonce: new Uint8Array(16), ...changes }
    using seed = kitSeed(signer)
    return { ...request, signature: kitPrimitives.ed25519.sign(seed, requestSignBytes(kitPrimitives, request, selfKey)) }
  }
  const ask = (request: ReencryptionRequest, state = standing, now = NOW) => admitReencrypt(kitPrimitives, view(state, now), request)

  test("for its reader while the policy stands", () => {
    expect(unwrap(ask(signed())).grant.policyId).toEqual(grant.policyId)
    for (const skew of [MAX_CLOCK_SKEW_MS, -MAX_CLOCK_SKEW_MS]) expect(ask(signed({ issuedAt: at(NOW + skew) })).ok).toBe(true)
    expect(ask(signed({ issuedAt: at(EXPIRY - 1) }), standing, EXPIRY - 1).ok).toBe(true)
  })

  test("for a reader that has rekeyed, under its current key only, and until then under the one that the policy names", () => {
    const reader = { encryptionKey: grant.reader.encryptionKey, signingKey: keyOf(mallory) }
    const toMallory = kitEntry({ kind: "policy-granted", body: { ...grant, reader } }, alice, signingName(alice, 1))
    const [before, after] = [stateOf(terms(OFFER_END), toMallory), stateOf(terms(OFFER_END), toMallory, rekeyEntry(mallory, 2))]
    const [first, second] = [signed({}, signingName(mallory, 1)), signed({}, signingName(mallory, 2))]
    expect([ask(first, before).ok, ask(second, after).ok]).toEqual([true, true])
    for (const outcome of [ask(second, before), ask(first, after)]) expect(outcome).toMatchObject({ code: "NOT_READER" })
    // What another generation names is another node's.
    const replaced = nodeEntry(rootOf(mallory), { ...mallory, generation: 2 })
    const next = stateOf(terms(OFFER_END), toMallory, replaced, rekeyEntry({ ...mallory, generation: 2 }, 1))
    expect(ask(signed({}, signingName({ ...mallory, generation: 2 }, 1)), next)).toMatchObject({ code: "NOT_READER" })
  })

  test("not for a reader that rekeyed and ended then, under the key that its rekey had ended", () => {
    const reader = { encryptionKey: grant.reader.encryptionKey, signingKey: keyOf(mallory) }
    const toMallory = kitEntry({ kind: "policy-granted", body: { ...grant, reader } }, alice, signingName(alice, 1))
    const ended = nodeRevokedEntry(rootOf(mallory), mallory, { isLast: true })
    const gone = stateOf(terms(OFFER_END), toMallory, rekeyEntry(mallory, 2), ended)
    expect(ask(signed({}, signingName(mallory, 1)), gone)).toMatchObject({ code: "NOT_READER" })
    // What ends its readership is the owner's revocation.
    expect(ask(signed({}, signingName(mallory, 2)), gone).ok).toBe(true)
    expect(ask(signed({}, signingName(mallory, 1)), stateOf(terms(OFFER_END), toMallory, ended)).ok).toBe(true)
  })

  test("for a request that names the key which the proxy rekeyed from a moment ago, and no other", () => {
    const request = signed()
    const after = { ...view(standing), selfKey: keyOf(proxy, 2) }
    expect(admitReencrypt(kitPrimitives, after, request)).toMatchObject({ code: "NOT_READER" })
    expect(admitReencrypt(kitPrimitives, { ...after, lateKeys: [keyOf(proxy)] }, request).ok).toBe(true)
    expect(admitReencrypt(kitPrimitives, { ...after, lateKeys: [keyOf(mallory)] }, request)).toMatchObject({ code: "NOT_READER" })
  })

  test.each([
    ["of a policy nobody granted", "POLICY_UNKNOWN", () => ask(signed(), stateOf(terms(OFFER_END)))],
    ["of a revoked policy", "POLICY_REVOKED", () => ask(signed(), stateOf(terms(OFFER_END), granted, revoked))],
    [
      "of a revoked policy, however slow the clock",
      "POLICY_REVOKED",
      () => ask(signed({ issuedAt: at(1) }), stateOf(terms(OFFER_END), granted, revoked), 1),
    ],
    ["at the moment of expiry", "POLICY_EXPIRED", () => ask(signed({ issuedAt: at(EXPIRY) }), standing, EXPIRY)],
    ["for the owner", "NOT_READER", () => ask(signed({}, signingName(alice, 1)))],
    ["for a request to another proxy", "NOT_READER", () => ask(signed({}, "reader p", keyOf(mallory)))],
    ["for other capsules than were signed", "NOT_READER", () => ask({ ...signed(), capsules: [new Uint8Array(105).fill(1)] })],
    ["for a capsule more than was signed", "NOT_READER", () => ask({ ...signed(), capsules: [new Uint8Array(105), new Uint8Array(105)] })],
    ["for another nonce than was signed", "NOT_READER", () => ask({ ...signed(), nonce: new Uint8Array(16).fill(1) })],
    ["for another time than was signed", "NOT_READER", () => ask({ ...signed(), issuedAt: at(NOW + 1) })],
    ["for a request from long ago", "REQUEST_STALE", () => ask(signed({ issuedAt: at(NOW - MAX_CLOCK_SKEW_MS - 1) }))],
    ["for a request from the future", "REQUEST_STALE", () => ask(signed({ issuedAt: at(NOW + MAX_CLOCK_SKEW_MS + 1) }))],
  ])("not %s: %s", (_when, code, admit) => {
    expect(admit()).toMatchObject({ ok: false, code })
  })
})

describe("a fragment goes", () => {
  const remove = (from: Uint8Array, state: LedgerState, now = NOW) => admitRemoval(view(state, now), from, grant.policyId, draft.owner)
  const standing = stateOf(granted)

  test("on its owner's word at any time, also after a rekey", () => {
    for (const state of [stateOf(), standing, stateOf(granted, revoked)]) expect(remove(keyOf(alice), state).ok).toBe(true)
    expect(remove(keyOf(alice, 2), stateOf(granted, rekeyEntry(alice, 2))).ok).toBe(true)
  })

  test("on anyone's word once the policy is over", () => {
    expect(remove(keyOf(mallory), stateOf(granted, revoked)).ok).toBe(true)
    expect(remove(kitBytes("a stranger"), standing, EXPIRY).ok).toBe(true)
  })

  test("not on another's word while the policy stands or has not appeared yet", () => {
    for (const state of [standing, stateOf()])
      for (const from of [keyOf(mallory), keyOf(proxy), kitBytes("a stranger")])
        expect(remove(from, state)).toMatchObject({ ok: false, code: "NOT_OWNER" })
    expect(remove(keyOf(alice, 1), stateOf(granted, rekeyEntry(alice, 2)))).toMatchObject({ ok: false, code: "NOT_OWNER" })
  })
})
