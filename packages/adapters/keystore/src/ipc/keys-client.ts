import { ok, type CborValue, type Result } from "@keygrove/base"
import { keyRulesValue } from "@keygrove/keys"
import type { CallOptions, KeyCall, NamedKeyRefusal, NamedKeys } from "@keygrove/service"
import { registrationValue } from "./key-values.ts"
import type { KeyAnswers } from "./key-messages.ts"

/** Sends one request about named keys and checks the shape of its answer. */
export type KeyExchange = <M extends keyof KeyAnswers>(
  method: M,
  params: CborValue,
  options: CallOptions,
) => Promise<Result<KeyAnswers[M], NamedKeyRefusal>>

/** The named keys as the daemon sees them, over the socket to the keystore process. */
export function namedKeysOver(exchange: KeyExchange): NamedKeys {
  const options = ({ signal }: KeyCall): CallOptions => ({ signal })
  return {
    register: async (registration, call) =>
      await exchange("keys.register", { caller: call.caller, ...registrationValue(registration) }, options(call)),
    list: async ({ after, limit }, call) =>
      await exchange("keys.list", { caller: call.caller, limit, ...(after === undefined ? {} : { after }) }, options(call)),
    find: async (id, call) => await exchange("keys.find", { caller: call.caller, id }, options(call)),
    rotate: async (id, call) => await exchange("keys.rotate", { caller: call.caller, id }, options(call)),
    setState: async (id, { state, version }, call) =>
      await exchange("keys.setState", { caller: call.caller, id, state, ...(version === undefined ? {} : { version }) }, options(call)),
    setRules: async (id, rules, call) =>
      await exchange("keys.setRules", { caller: call.caller, id, rules: keyRulesValue(rules) }, options(call)),
    sign: async ({ algorithm, id, isConfirmed, message }, call) => {
      const how = { ...(algorithm === undefined ? {} : { algorithm }), ...(isConfirmed === undefined ? {} : { isConfirmed }) }
      return await exchange("keys.sign", { caller: call.caller, id, message, ...how }, options(call))
    },
    verify: async ({ algorithm, id, message, signature }, call) => {
      const order = { id, message, signature, ...(algorithm === undefined ? {} : { algorithm }) }
      const answer = await exchange("keys.verify", { caller: call.caller, ...order }, options(call))
      if (!answer.ok) return answer
      return ok({ version: answer.value.version === 0 ? undefined : answer.value.version })
    },
    agree: async ({ id, peer }, call) => await exchange("keys.agree", { caller: call.caller, id, peer }, options(call)),
    encrypt: async ({ context, id, plaintext }, call) =>
      await exchange("keys.encrypt", { caller: call.caller, id, plaintext, ...(context === undefined ? {} : { context }) }, options(call)),
    decrypt: async ({ ciphertext, context, id }, call) =>
      await exchange("keys.decrypt", { caller: call.caller, id, ciphertext, ...(context === undefined ? {} : { context }) }, options(call)),
    mac: async ({ id, message, version }, call) =>
      await exchange("keys.mac", { caller: call.caller, id, message, ...(version === undefined ? {} : { version }) }, options(call)),
    derive: async ({ child, id, type }, call) => await exchange("keys.derive", { caller: call.caller, id, child, type }, options(call)),
    exportKey: async ({ id, recipientKey }, call) =>
      await exchange("keys.export", { caller: call.caller, id, recipientKey }, options(call)),
    operate: async ({ id, input, operator }, call) =>
      await exchange("keys.operate", { caller: call.caller, id, input, operator }, options(call)),
    operators: async (call) => await exchange("keys.operators", { caller: call.caller }, options(call)),
    audit: async ({ from, limit }, call) => await exchange("keys.audit", { caller: call.caller, from, limit }, options(call)),
    verifyAudit: async (call) => await exchange("keys.verifyAudit", { caller: call.caller }, options(call)),
  }
}
