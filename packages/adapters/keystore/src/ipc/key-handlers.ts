import { ok, type CborValue, type Result } from "@keygrove/base"
import { keyEntryValue, type KeyEntry } from "@keygrove/keys"
import type { NamedKeys } from "@keygrove/service"
import { operatorValue } from "./key-values.ts"
import type { KeyRequests } from "./key-messages.ts"

type KeyHandlers = {
  readonly [M in keyof KeyRequests]: (
    served: { readonly keys: NamedKeys },
    params: KeyRequests[M],
    signal: AbortSignal,
  ) => Promise<Result<CborValue>>
}

/** Answers requests about named keys: each is one call of the port. */
export const keyHandlers: KeyHandlers = {
  "keys.register": async ({ keys }, { caller, ...registration }, signal) =>
    mapped(await keys.register(registration, { caller, signal }), ({ created, entry }) => ({ created, entry: keyEntryValue(entry) })),
  "keys.list": async ({ keys }, { caller, ...slice }, signal) =>
    mapped(await keys.list(slice, { caller, signal }), (entries) => entries.map(keyEntryValue)),
  "keys.find": async ({ keys }, { caller, id }, signal) => entryOf(await keys.find(id, { caller, signal })),
  "keys.rotate": async ({ keys }, { caller, id }, signal) => entryOf(await keys.rotate(id, { caller, signal })),
  "keys.setState": async ({ keys }, { caller, id, ...change }, signal) => entryOf(await keys.setState(id, change, { caller, signal })),
  "keys.setRules": async ({ keys }, { caller, id, rules }, signal) => entryOf(await keys.setRules(id, rules, { caller, signal })),
  "keys.sign": async ({ keys }, { caller, ...order }, signal) =>
    mapped(await keys.sign(order, { caller, signal }), ({ algorithm, signature, version }) => ({ algorithm, signature, version })),
  "keys.verify": async ({ keys }, { caller, ...order }, signal) =>
    mapped(await keys.verify(order, { caller, signal }), ({ version }) => ({ version: version ?? 0 })),
  "keys.agree": async ({ keys }, { caller, ...order }, signal) => await keys.agree(order, { caller, signal }),
  "keys.encrypt": async ({ keys }, { caller, ...order }, signal) => await keys.encrypt(order, { caller, signal }),
  "keys.decrypt": async ({ keys }, { caller, ...order }, signal) => await keys.decrypt(order, { caller, signal }),
  "keys.mac": async ({ keys }, { caller, ...order }, signal) => await keys.mac(order, { caller, signal }),
  "keys.derive": async ({ keys }, { caller, ...order }, signal) => entryOf(await keys.derive(order, { caller, signal })),
  "keys.operate": async ({ keys }, { caller, ...order }, signal) => await keys.operate(order, { caller, signal }),
  "keys.operators": async ({ keys }, { caller }, signal) =>
    mapped(await keys.operators({ caller, signal }), (specs) => specs.map(operatorValue)),
  "keys.export": async ({ keys }, { caller, ...order }, signal) => await keys.exportKey(order, { caller, signal }),
  "keys.audit": async ({ keys }, { caller, ...slice }, signal) =>
    mapped(await keys.audit(slice, { caller, signal }), (events) => events.map((event) => ({ ...event }))),
  "keys.verifyAudit": async ({ keys }, { caller }, signal) =>
    mapped(await keys.verifyAudit({ caller, signal }), ({ hash, length }) => ({ hash, length })),
}

function entryOf(answer: Result<KeyEntry>): Result<CborValue> {
  return mapped(answer, keyEntryValue)
}

function mapped<T>(answer: Result<T>, value: (from: T) => CborValue): Result<CborValue> {
  return answer.ok ? ok(value(answer.value)) : answer
}
