import type { Secret } from "@keygrove/base"
import type { KeyVariables } from "@keygrove/vault"
import { takeVariable } from "../home/environment.ts"

/** Takes the named variables out of this process's environment, before anything else can see them. Disposal wipes those that nobody took. */
export function takeKeyVariables(names: readonly string[]): KeyVariables & Disposable {
  const held = new Map<string, Secret>()
  for (const name of names) {
    const secret = takeVariable(name)
    if (secret !== undefined) held.set(name, secret)
  }
  return {
    take: (name) => {
      const secret = held.get(name)
      held.delete(name)
      return secret
    },
    [Symbol.dispose]: () => {
      for (const secret of held.values()) secret[Symbol.dispose]()
      held.clear()
    },
  }
}
