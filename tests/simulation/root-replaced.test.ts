import { createHash } from "node:crypto"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { clusterIdOf, deriveAnchor, deriveRoot, ROOT_PATH } from "@keygrove/hierarchy"
import { draftEntry, encodeEntry, entrySignBytes } from "@keygrove/ledger"
import { decodeLabel } from "@keygrove/reencryption"
import { revokePolicy, useLabel } from "@keygrove/service"
import { afterEach, beforeEach, expect, test } from "vitest"
import { Grove } from "./grove.ts"
import { call, type Member } from "./member.ts"

const label = "photos/2026"
const DAY_MS = 86_400_000

let grove: Grove
let owner: Member
let reader: Member

beforeEach(async () => {
  grove = await Grove.plant("root replaced")
  owner = await grove.join("owner")
  reader = await grove.join("reader")
  for (const name of ["p1", "p2", "p3", "p4"]) await grove.joinProxy(name)
  await grove.settle()
})

afterEach(async () => {
  await grove[Symbol.asyncDispose]()
})

/** The root above a member steps down for another one, which has no nodes yet. */
async function replaceRoot({ context, name }: Member): Promise<void> {
  const secretOf = (text: string): Secret => Secret.take(new Uint8Array(createHash("sha512").update(text).digest()))
  using seed = secretOf(`${grove.seed}/${name}`)
  using nextSeed = secretOf(`${grove.seed}/${name}/next`)
  using root = deriveRoot(nativePrimitives, seed)
  using next = deriveRoot(nativePrimitives, nextSeed)
  using anchor = deriveAnchor(nativePrimitives, root)
  using nextAnchor = deriveAnchor(nativePrimitives, next)
  const body = { successor: clusterIdOf(nativePrimitives, nextAnchor.publicKey), anchorKey: nextAnchor.publicKey }
  const author = { cluster: clusterIdOf(nativePrimitives, anchor.publicKey), path: ROOT_PATH, key: anchor.publicKey }
  const draft = draftEntry({ kind: "root-replaced", body }, author)
  const signature = nativePrimitives.ed25519.sign(anchor.seed, entrySignBytes(draft))
  unwrap(await context.replica.appendEntries([encodeEntry({ ...draft, signature })], call))
  await grove.settle()
}

const wish = (): Parameters<Grove["grant"]>[0] => ({ owner, reader, label, threshold: 2, shares: 3, expiresAt: grove.at(30 * DAY_MS) })

test("below a root that was replaced an owner opens and revokes what there is, and neither encrypts nor grants", async () => {
  const sealed = await grove.encrypt(owner, label)
  const { policyId } = unwrap(await grove.grant(wish())).grant
  await grove.settle()
  await replaceRoot(owner)
  expect(await useLabel(owner.context, unwrap(decodeLabel(label)), call)).toMatchObject({ ok: false, code: "ROOT_REPLACED" })
  expect(await grove.grant(wish())).toMatchObject({ ok: false, code: "ROOT_REPLACED" })
  expect([await grove.read(owner, sealed), await grove.read(reader, sealed)]).toEqual(["opened", "opened"])
  expect(owner.remaking.progress).toEqual({ labels: 0, policies: 0 })
  unwrap(await revokePolicy(owner.context, policyId, call))
  await grove.settle()
  expect(await grove.read(reader, sealed)).toBe("POLICY_REVOKED")
})

test("a reader below one reads what it was granted, gets nothing new, and does not hold a label back", async () => {
  const sealed = await grove.encrypt(owner, label)
  unwrap(await grove.grant(wish()))
  await replaceRoot(reader)
  expect(await grove.grant(wish())).toMatchObject({ ok: false, code: "READER_REPLACED" })
  expect(await grove.read(reader, sealed)).toBe("opened")
  await owner.rekey()
  await grove.pass(90_000)
  const after = await grove.encrypt(owner, label)
  expect(after.header.epoch).toBe(2)
  expect([await grove.read(owner, after), await grove.read(reader, after)]).toEqual(["opened", "NO_POLICY"])
})

test("a proxy below one serves what it keeps, and is given nothing new", async () => {
  const sealed = await grove.encrypt(owner, label)
  const before = unwrap(await grove.grant(wish()))
  const [replaced] = grove.proxiesOf(before)
  if (replaced === undefined) throw new TypeError("a policy has proxies")
  await replaceRoot(replaced)
  expect(await grove.read(reader, sealed)).toBe("opened")
  const after = unwrap(await grove.grant(wish()))
  expect(grove.proxiesOf(after)).not.toContain(replaced)
  expect(grove.proxiesOf(after)).toHaveLength(3)
})
