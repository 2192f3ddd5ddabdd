import { ok, type Result } from "@keygrove/base"
import type { KeyId } from "@keygrove/keys"
import type { NamedKeyRefusal, NamedKeys } from "@keygrove/service"
import { MAX_AGENT_IDENTITIES } from "./agent-codec.ts"
import { AGENT_CALLER, identityOf, type SshIdentity } from "./ssh-keys.ts"

/** Most that the keystore gives at once. */
const PAGE_KEYS = 500
/** Pages that are looked through for keys to offer: 100,000 keys. */
const MAX_PAGES = 200

/** What the agent needs of the keystore. */
export type SshAgentKeys = Pick<NamedKeys, "list" | "sign">

/**
 * The keys that ssh can use, found by their public part. A client names a key again and again, so what was found is kept: the public part of a
 * version never changes, and the keystore itself judges each signature by the rules and the state that the key has then.
 */
export class Identities {
  readonly #keys: SshAgentKeys
  #known: ReadonlyMap<string, SshIdentity> = new Map()

  constructor(keys: SshAgentKeys) {
    this.#keys = keys
  }

  /** The keys that are offered now, in the order of their ids: the first 1024. */
  async list(signal: AbortSignal): Promise<Result<readonly SshIdentity[], NamedKeyRefusal>> {
    const identities: SshIdentity[] = []
    let after: KeyId | undefined
    for (let page = 0; page < MAX_PAGES && identities.length < MAX_AGENT_IDENTITIES; page++) {
      const slice = after === undefined ? { limit: PAGE_KEYS } : { limit: PAGE_KEYS, after }
      const entries = await this.#keys.list(slice, { caller: AGENT_CALLER, signal })
      if (!entries.ok) return entries
      identities.push(...entries.value.flatMap((entry) => identityOf(entry) ?? []))
      after = entries.value.at(-1)?.id
      // Only an empty page is the last: one of keys with many versions is cut by its size.
      if (after === undefined) break
    }
    const offered = identities.slice(0, MAX_AGENT_IDENTITIES)
    this.#known = new Map(offered.map((identity) => [handleOf(identity.blob), identity]))
    return ok(offered)
  }

  /** The key with that public part; `undefined` when none is offered. */
  async find(blob: Uint8Array, signal: AbortSignal): Promise<Result<SshIdentity | undefined, NamedKeyRefusal>> {
    const handle = handleOf(blob)
    const known = this.#known.get(handle)
    if (known !== undefined) return ok(known)
    const listed = await this.list(signal)
    return listed.ok ? ok(this.#known.get(handle)) : listed
  }
}

function handleOf(blob: Uint8Array): string {
  return Buffer.from(blob).toString("latin1")
}
