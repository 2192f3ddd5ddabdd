import { unwrap } from "@keygrove/base"
import { statementSigner } from "@keygrove/service"
import { expect, test } from "vitest"
import { Grove } from "./grove.ts"
import { call } from "./member.ts"

const label = "photos/2026"

test("a proxy whose last place a request took answers it again when it comes twice, and takes no other", async () => {
  await using grove = await Grove.plant("full proxy")
  const owner = await grove.join("owner")
  const reader = await grove.join("reader")
  const proxy = await grove.joinProxy("proxy")
  const { keystore, replica, transport } = proxy.context
  const terms = { revision: 2, until: grove.at(86_400_000), capacity: 1, addresses: transport.addresses() }
  unwrap(await replica.append([{ kind: "proxy-terms", body: terms }], statementSigner(keystore), call))
  await grove.settle()
  proxy.lie = async (_request, honest) => {
    await honest()
    return await honest()
  }
  const sealed = await grove.encrypt(owner, label)
  const order = { owner, reader, label, threshold: 1, shares: 1, expiresAt: grove.at(1_000_000) }
  unwrap(await grove.grant(order))
  expect(proxy.fragmentCount).toBe(1)
  expect(await grove.read(reader, sealed)).toBe("opened")
  expect(await grove.grant(order)).toMatchObject({ ok: false, code: "NOT_ENOUGH_PROXIES" })
})
