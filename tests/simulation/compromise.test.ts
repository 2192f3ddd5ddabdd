import { unwrap } from "@keygrove/base"
import { emptyHead } from "@keygrove/ledger"
import { MemoryLedgerEngine, MemoryNetwork } from "@keygrove/memory"
import { followHost, serveLedger } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { expect, test } from "vitest"
import { kitKey, kitLog, kitPrimitives } from "../../packages/core/ledger/src/ledger-kit.contract.ts"
import { Grove } from "./grove.ts"
import { lieOf } from "./liars.ts"
import { call } from "./member.ts"

const DAY_MS = 86_400_000

test("what n − m + 1 lying proxies stop, a grant through more proxies opens again", async () => {
  await using grove = await Grove.plant("compromise")
  const [owner, reader] = [await grove.join("owner"), await grove.join("reader")]
  for (const name of ["p1", "p2", "p3", "p4"]) await grove.joinProxy(name)
  await grove.settle()
  const sealed = await grove.encrypt(owner, "photos")
  const wish = { owner, reader, label: "photos", threshold: 2, expiresAt: grove.at(DAY_MS) }
  const [first, second] = grove.proxiesOf(unwrap(await grove.grant({ ...wish, shares: 3 })))
  for (const liar of [first, second]) if (liar !== undefined) liar.lie = lieOf("changed", liar)
  expect(await grove.read(reader, sealed)).toBe("NOT_ENOUGH_PROXIES")
  unwrap(await grove.grant({ ...wish, shares: 4 }))
  expect(await grove.read(reader, sealed)).toBe("opened")
})

test("a follower's copy of the log goes on at another host, and every other follower with it", async () => {
  const log = kitLog(5)
  const network = new MemoryNetwork()
  await using moved = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await moved.append(log.slice(0, 4), emptyHead(), call))
  await using transport = network.join(kitKey("another host"))
  using _service = serveLedger({ transport, engine: moved, clock: systemClock })
  await using behind = new MemoryLedgerEngine(kitPrimitives)
  unwrap(await behind.append(log.slice(0, 2), emptyHead(), call))
  await using line = network.join(kitKey("follower"))
  const host = { signingKey: kitKey("another host"), addresses: [] }
  await using follower = followHost({
    transport: line,
    host,
    copy: behind,
    clock: systemClock,
    primitives: kitPrimitives,
  })
  unwrap(await follower.caughtUp(call))
  const head = await follower.head(call)
  expect(head).toEqual(await moved.head(call))
  expect(unwrap(await follower.append(log.slice(4), head, call)).length).toBe(5)
})
