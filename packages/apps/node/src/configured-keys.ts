import { resolve } from "node:path"
import { encodeCanonical, equalBytes, ok, refuse, type Result } from "@keygrove/base"
import { keyRulesValue, satisfiesOrder, type KeyEntry } from "@keygrove/keys"
import type { CallOptions, KeyCall, KeyMaterialSource, NamedKeyRefusal, NamedKeys } from "@keygrove/service"
import type { NodeConfig } from "./home/config.ts"
import { variableOf, type ConfiguredKey } from "./home/configured-key.ts"

/** Makes sure that every key of the configuration is there. The first one that is not refuses all, with its id, its reason and its own code. */
export async function registerConfiguredKeys(
  keys: NamedKeys,
  { config, directory, log }: { readonly config: NodeConfig; readonly directory: string; readonly log: (line: string) => void },
  { signal }: CallOptions,
): Promise<Result<true>> {
  for (const key of config.keys ?? []) {
    const made = await ensure(keys, key, { directory, call: { caller: "node", signal } })
    if (!made.ok) return refuse(made.code, `the key ${key.id} of config.json: ${made.message}`, { ...made.data, key: key.id })
    if (!hasRules(made.value, key)) log(`${key.id} keeps the rules that it was registered with; those of config.json are other ones`)
  }
  return ok(true)
}

async function ensure(
  keys: NamedKeys,
  key: ConfiguredKey,
  { call, directory }: { readonly directory: string; readonly call: KeyCall },
): Promise<Result<KeyEntry, NamedKeyRefusal>> {
  const { backend, id, rules, type } = key
  const asked = { id, type, ...(backend === undefined ? {} : { backend }) }
  const from = sourceOf(key, directory)
  if (from === undefined) {
    const found = await keys.find(id, call)
    // The usual advice needs a node that runs.
    if (!found.ok && found.code === "KEY_UNKNOWN")
      return refuse("KEY_UNKNOWN", 'the keystore does not have it; say with "from" where it comes from, or take it out')
    if (!found.ok) return found
    const satisfied = satisfiesOrder(found.value, { ...asked, exportable: false })
    if (!satisfied.ok) return satisfied
  }
  // Registering one that exists says whether it can be used: its token may be away.
  const source = from ?? { kind: "generate" }
  const registered = await keys.register({ ...asked, source, ...(rules === undefined ? {} : { rules }) }, call)
  return registered.ok ? ok(registered.value.entry) : registered
}

function sourceOf(key: ConfiguredKey, directory: string): KeyMaterialSource | undefined {
  const { from } = key
  if (from === undefined) return undefined
  if (from === "generate" || from === "derive") return { kind: from }
  const name = variableOf(key)
  return name === undefined ? { kind: "file", path: resolve(directory, from.slice("file:".length)) } : { kind: "environment", name }
}

function hasRules({ rules }: KeyEntry, { rules: wanted }: ConfiguredKey): boolean {
  return wanted === undefined || equalBytes(encodeCanonical(keyRulesValue(rules)), encodeCanonical(keyRulesValue(wanted)))
}
