import { unwrap } from "@keygrove/base"
import { decodeTimestamp, type NodeReference } from "@keygrove/hierarchy"
import { decodeLabel } from "@keygrove/reencryption"
import { expect, test } from "vitest"
import {
  clusterEntry,
  kitBytes,
  kitChild,
  kitEntry,
  kitFold,
  kitGrant,
  kitKey,
  kitPoint,
  kitRoot,
  nodeEntry,
  rekeyEntry,
  rootReplacedEntry,
  signingName,
  type KitNode,
} from "../../../core/ledger/src/ledger-kit.contract.ts"
import { findStartPolicies } from "./start-policies.ts"

const [old, next, stranger] = [kitRoot("old"), kitRoot("next"), kitRoot("stranger")]
const deskOf = (root: KitNode): KitNode => kitChild(root, "/desk")
const announced = [old, next, stranger].flatMap((root) => [clusterEntry(root), nodeEntry(root, deskOf(root)), rekeyEntry(deskOf(root), 1)])
const reader = { encryptionKey: kitPoint("boot reader"), signingKey: kitKey("boot") }
const labelKey = kitPoint("label sealed to")
const now = unwrap(decodeTimestamp(1_800_000_000_000))

interface Grant {
  readonly labelKey?: Uint8Array
  readonly reader?: typeof reader
  readonly expiresAt?: number
}

function granted(name: string, owner: KitNode, { expiresAt = now + 1, ...changes }: Grant = {}): Uint8Array {
  const grant = kitGrant(name, { node: owner, epoch: 1 }, [{ node: deskOf(stranger), epoch: 1 }])
  const body = { ...grant, labelKey, reader, ...changes, expiresAt: unwrap(decodeTimestamp(expiresAt)) }
  return kitEntry({ kind: "policy-granted", body }, owner, signingName(owner, 1))
}

function revoked(name: string, owner: KitNode): Uint8Array {
  return kitEntry({ kind: "policy-revoked", body: { policyId: kitBytes(`policy ${name}`) } }, owner, signingName(owner, 1))
}

/** Names of the policies that open it, or why there is none. */
function found(entries: readonly Uint8Array[], owner: NodeReference = deskOf(old)): readonly string[] | string {
  const { state } = kitFold([...announced, ...entries]).ledger
  const start = { owner: { cluster: owner.cluster, path: owner.path }, label: unwrap(decodeLabel("start/server")), labelKey }
  const policies = findStartPolicies(state, now, { start, reader })
  if (!policies.ok) return `${policies.code} ${String(policies.data?.["by"] ?? "")}`.trim()
  const names = new Map(["a", "b", "c"].map((name) => [Buffer.from(kitBytes(`policy ${name}`)).toString("hex"), name]))
  return policies.value.map(({ grant }) => names.get(Buffer.from(grant.policyId).toString("hex")) ?? "?")
}

const desk = deskOf(old)

test("takes what stands, the newest first, and says why there is nothing", () => {
  expect(found([])).toBe("NO_POLICY")
  expect(found([granted("a", desk), granted("b", desk)])).toEqual(["b", "a"])
  expect(found([granted("a", desk), granted("b", desk), revoked("b", desk)])).toEqual(["a"])
  expect(found([granted("a", desk, { expiresAt: now })])).toBe("POLICY_EXPIRED ledger")
  expect(found([granted("a", desk, { expiresAt: now }), granted("b", desk), revoked("b", desk)])).toBe("POLICY_REVOKED ledger")
})

test("takes none of another label, for another reader, or of another node", () => {
  expect(found([granted("a", desk, { labelKey: kitPoint("another") })])).toBe("NO_POLICY")
  expect(found([granted("a", desk, { reader: { ...reader, signingKey: kitKey("another") } })])).toBe("NO_POLICY")
  expect(found([granted("a", desk, { reader: { ...reader, encryptionKey: kitPoint("another") } })])).toBe("NO_POLICY")
  expect(found([granted("a", desk), granted("b", deskOf(stranger))])).toEqual(["a"])
  expect(found([granted("a", deskOf(stranger))])).toBe("NO_POLICY")
})

test("takes what the label's owner granted below the root that came after its own", () => {
  const moved = [granted("a", desk), rootReplacedEntry(old, next), granted("b", deskOf(next))]
  expect(found(moved)).toEqual(["b", "a"])
  expect(found([granted("b", deskOf(next))])).toBe("NO_POLICY")
  expect(found(moved, deskOf(next))).toEqual(["b"])
})
