import { ledgerEngineContract } from "../../../service/src/ports/ledger-engine.contract.ts"
import { kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import { MemoryLedgerEngine } from "./ledger.ts"

ledgerEngineContract("memory", { open: async () => new MemoryLedgerEngine(kitPrimitives) })
