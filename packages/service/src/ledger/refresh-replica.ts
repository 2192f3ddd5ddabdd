import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"

/** How long a use case waits for news of the ledger before it answers from what it knows. */
const REFRESH_TIMEOUT_MS = 4_000

/**
 * Brings the replica up to date before something is refused or forgotten for what it does not know. A source out of reach is no error: whoever asks goes on with
 * what is known. Resolves with whether the replica is up to date now.
 */
export async function refreshReplica({ replica }: Pick<NodeContext, "replica">, { signal }: CallOptions): Promise<boolean> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(REFRESH_TIMEOUT_MS)])
  try {
    return (await replica.refresh({ signal: deadline })).ok
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error
    return false
  }
}
