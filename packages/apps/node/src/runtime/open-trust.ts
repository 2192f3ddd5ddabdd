import { ok, type Result } from "@keygrove/base"
import { KeyChainKeeper, KeyChains, Meetings, TrustBook, TrustedClusters, type CallOptions, type NodeContext } from "@keygrove/service"

/** What a node has to do with other clusters. */
export interface NodeTrust {
  readonly keyChains: KeyChains
  readonly trusted: TrustedClusters
  readonly meetings: Meetings
  /** What needs attention in what is known of them, one line each. */
  warnings(): readonly string[]
  /** What this node calls a cluster; `undefined` when it has no name for it. */
  nickname(cluster: Parameters<TrustBook["note"]>[0]): string | undefined
}

/** Reads what is known of other clusters, keeps it up to date, and serves protocols `chain` and `meet` until the stack is disposed of. */
export async function openTrust(
  context: NodeContext,
  { log, stack }: { readonly log: (line: string) => void; readonly stack: AsyncDisposableStack },
  call: CallOptions,
): Promise<Result<NodeTrust>> {
  const opened = await KeyChains.open(context, call)
  if (!opened.ok) return opened
  const keyChains = stack.use(opened.value)
  for (const cluster of keyChains.broken)
    log(`STORAGE_CORRUPT: the copy of the key chain of cluster ${cluster} is damaged and is fetched again`)
  const book = await TrustBook.open(context.storage, call)
  if (!book.ok) return book
  const sources = { context, keyChains, book: book.value, log }
  const meetings = await Meetings.open(sources, call)
  if (!meetings.ok) return meetings
  stack.use(meetings.value)
  const keeper = new KeyChainKeeper({ ...sources, isPending: (cluster) => meetings.value.isPending(cluster) })
  stack.use(runKeeper(keeper, log))
  return ok({
    keyChains,
    trusted: new TrustedClusters(sources),
    meetings: meetings.value,
    warnings: () => keeper.warnings(),
    nickname: (cluster) => book.value.note(cluster).nickname,
  })
}

/** Keeps key chains until it is disposed of. */
function runKeeper(keeper: KeyChainKeeper, log: (line: string) => void): AsyncDisposable {
  const stop = new AbortController()
  const { signal } = stop
  const work = keeper.run({ signal }).catch((error: unknown) => {
    if (!signal.aborted) log(`NODE_BACKGROUND_FAILED: ${error instanceof Error ? error.message : "unknown"}`)
  })
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await work
    },
  }
}
