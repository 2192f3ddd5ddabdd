import { MemoryLedgerEngine } from "@keygrove/memory"
import { FollowerLedgerEngine, type LedgerEngine } from "@keygrove/service"
import { systemClock } from "@keygrove/system"
import { kitPrimitives } from "../../../core/ledger/src/ledger-kit.contract.ts"
import type { EtcdAccess } from "./access.ts"
import type { EtcdAddress } from "./address.ts"
import { EtcdLedgerSource } from "./etcd-source.ts"
import type { EtcdDeadlines } from "./members.ts"

/** Deadlines that a test need not wait long for. */
export const KIT_DEADLINES: EtcdDeadlines = { callMs: 4_000, tryMs: 1_000 }

export interface KitEngineOptions {
  readonly access?: EtcdAccess
  readonly deadlines?: EtcdDeadlines
  readonly copy?: LedgerEngine
}

/** A source as a node has it. */
export function kitSource(address: EtcdAddress, { access = {}, deadlines }: KitEngineOptions = {}): EtcdLedgerSource {
  return new EtcdLedgerSource({ address, access, primitives: kitPrimitives, ...(deadlines === undefined ? {} : { deadlines }) })
}

/** The engine of a node with an empty copy, or the one given. */
export function kitEngine(address: EtcdAddress, options: KitEngineOptions = {}): FollowerLedgerEngine<EtcdLedgerSource> {
  const copy = options.copy ?? new MemoryLedgerEngine(kitPrimitives)
  return FollowerLedgerEngine.start({ source: kitSource(address, options), copy, clock: systemClock, primitives: kitPrimitives })
}
