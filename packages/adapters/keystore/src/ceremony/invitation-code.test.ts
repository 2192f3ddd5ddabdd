import { Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import { systemRandom } from "@keygrove/system"
import { expect, test } from "vitest"
import { newCode, NodeSecretSeal, openNodeSecret } from "./invitation-code.ts"

const sealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })
const tools = { primitives: nativePrimitives, sealing, random: systemRandom }
const certificate = utf8("the parent's word for this child")
const ledger = "/ip4/192.0.2.7/tcp/7410/p2p/12D3KooW"

test("a node secret opens with the code of its invitation alone, and only for the child and the ledger that it was sealed for", () => {
  const [code, other] = [newCode(systemRandom), newCode(systemRandom)]
  using nodeSecret = Secret.take(systemRandom(32))
  using seal = new NodeSecretSeal(tools, code)
  const secret = seal.seal(nodeSecret, { certificate, ledger })
  const invitation = { certificate, ledger, secret }
  using opened = unwrap(openNodeSecret(tools, invitation, code))
  expect(opened.equals(nodeSecret)).toBe(true)
  const wrong = { ok: false, code: "INVITATION_CODE_WRONG" }
  expect(openNodeSecret(tools, invitation, other)).toMatchObject(wrong)
  expect(openNodeSecret(tools, { ...invitation, ledger: `${ledger}x` }, code)).toMatchObject(wrong)
  expect(openNodeSecret(tools, { ...invitation, certificate: utf8("for another") }, code)).toMatchObject(wrong)
  const changed = secret.sealed.with(0, (secret.sealed[0] ?? 0) ^ 1)
  expect(openNodeSecret(tools, { ...invitation, secret: { ...secret, sealed: changed } }, code)).toMatchObject(wrong)
})
