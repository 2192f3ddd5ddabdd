import { MemoryLedgerEngine } from "@keygrove/memory"
import { FollowerLedgerEngine } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { afterAll, beforeAll } from "vitest"
import { kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { ledgerEngineContract } from "../../../service/src/ports/ledger-engine.contract.ts"
import { EtcdCluster } from "./etcd-cluster.fixture.ts"
import { EtcdLedgerSource } from "./etcd-source.ts"

let cluster: EtcdCluster
let count = 0

beforeAll(async () => {
  cluster = await EtcdCluster.start(3)
})
afterAll(async () => await cluster[Symbol.asyncDispose]())

ledgerEngineContract("etcd", {
  open: async () => {
    const source = new EtcdLedgerSource({ address: cluster.address(`ledger-${count++}`), access: {}, primitives: kitPrimitives })
    const copy = new MemoryLedgerEngine(kitPrimitives)
    return FollowerLedgerEngine.start({ source, copy, clock: systemClock, primitives: kitPrimitives })
  },
})
