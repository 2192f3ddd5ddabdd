import type { Result } from "@keygrove/base"
import { nextRequest, type MeetingEvent } from "@keygrove/peering"
import type { NodeContext } from "../node-context.ts"
import type { CallOptions } from "../ports/call-options.ts"
import { askInMeeting } from "./meeting-line.ts"
import type { MeetingSlot } from "./meeting-slot.ts"

/** How often the other side is asked whether its person confirmed. */
const POLL_MS = 500
/** Pause after an answer that did not come. */
const RETRY_MS = 1_000
/** How long a node that never answered is tried: its address may be wrong, or not to be reached from here. */
const UNREACHED_MS = 15_000

/** What may pass by itself; everything else ends the meeting. */
const PASSING: ReadonlySet<string> = new Set([
  "PEER_UNREACHABLE",
  "PEER_TIMEOUT",
  "PEER_BUSY",
  "PEER_CLOSED",
  "PEER_PROTOCOL",
  "KEYSTORE_BUSY",
  "MEETING_BUSY",
  "RATE_LIMITED",
])

/** Takes the side that scanned through the meeting: asks, hears, asks again, until it is over. */
export async function scanUntilOver(
  context: Pick<NodeContext, "clock" | "keystore" | "primitives" | "transport">,
  slot: MeetingSlot,
  advance: (event: MeetingEvent) => Promise<Result<unknown>>,
  { signal }: CallOptions,
): Promise<void> {
  const { clock } = context
  const began = clock.now()
  const { addresses, signingKey } = slot.meeting.code
  let isReached = false
  for (;;) {
    await advance({ kind: "time", now: clock.now() })
    const body = nextRequest(slot.meeting)
    if (body === undefined) return
    const seen = slot.revision
    const answer = await askInMeeting(context, slot.line, { body, peer: { signingKey, addresses } }, { signal })
    const isLost = !answer.ok && PASSING.has(answer.code) && (isReached || clock.now() - began < UNREACHED_MS)
    if (answer.ok) await advance({ kind: "answered", body: answer.value })
    else if (!isLost) await advance({ kind: "refused", refusal: answer })
    isReached ||= answer.ok
    const isWaiting = slot.meeting.stage === "compare" || slot.meeting.stage === "confirmed"
    if (isLost || isWaiting) await pause(context, slot, { seen, ms: isLost ? RETRY_MS : POLL_MS }, signal)
  }
}

/** Until the time is over, or something changed on this side, as when its person confirms. */
async function pause(
  { clock }: Pick<NodeContext, "clock">,
  slot: MeetingSlot,
  { ms, seen }: { readonly ms: number; readonly seen: number },
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const slept = clock.sleep(ms, { signal: either }).catch((error: unknown) => {
    if (!either.aborted) throw error
  })
  await Promise.race([slept, slot.changed(seen, { signal: either })])
  over.abort()
  signal.throwIfAborted()
}
