import { equalBytes, type Result } from "@keygrove/base"
import { findNode } from "@keygrove/ledger"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"

type KeyContext = Pick<NodeContext, "keystore" | "replica">

/** How long the keystore may take to go on to an epoch that the ledger names already. */
const SETTLE_TIMEOUT_MS = 5_000
/** Times that something is begun anew because the node rekeyed meanwhile. */
const MAX_TRIES = 3

/**
 * Does what is bound to the keys of this node's epoch, and once more when it was refused because the node rekeyed in the middle. Work that may have had its effect although its
 * answer never came, `LEDGER_UNREACHABLE`, is not repeated.
 */
export async function underOneKey<T>(context: KeyContext, work: () => Promise<Result<T>>, options: CallOptions): Promise<Result<T>> {
  for (let tries = 1; ; tries++) {
    const { signingKey } = context.keystore.identity().keys
    const outcome = await work()
    if (outcome.ok || outcome.code === "LEDGER_UNREACHABLE" || tries === MAX_TRIES) return outcome
    await settleOwnKeys(context, options)
    if (equalBytes(context.keystore.identity().keys.signingKey, signingKey)) return outcome
  }
}

/** Resolves when the keystore is in the epoch that the ledger names for this node, at once where it is, or after 5 s where it does not get there. */
export async function settleOwnKeys(context: KeyContext, { signal }: CallOptions): Promise<void> {
  signal.throwIfAborted()
  if (!isBehind(context)) return
  const settled = Promise.withResolvers<void>()
  using _listening = context.keystore.onRekey(() => {
    if (!isBehind(context)) settled.resolve()
  })
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(SETTLE_TIMEOUT_MS)])
  deadline.addEventListener("abort", () => settled.resolve(), { once: true })
  if (isBehind(context)) await settled.promise
  signal.throwIfAborted()
}

/** Whether the ledger has a rekey of this node that its keystore has not gone on to yet. */
function isBehind({ keystore, replica }: KeyContext): boolean {
  const own = keystore.identity()
  const node = findNode(replica.state, own)
  return node?.keys !== undefined && node.generation === own.generation && node.keys.epoch > own.keys.epoch
}
