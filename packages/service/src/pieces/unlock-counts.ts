import { brandShape, bytesShape, checkShape, equalBytes, ok, refuse, toHex, utf8, type Result } from "@keygrove/base"
import { decodeTimestamp, type NodeReference, type Timestamp } from "@keygrove/hierarchy"
import * as v from "valibot"
import type { CallOptions } from "../ports/call-options.ts"
import { Turns } from "../turns.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** Unlockings of one owner that a holder takes part in within {@link UNLOCK_WINDOW_MS}. */
export const MAX_UNLOCKS = 5
/** An hour. */
export const UNLOCK_WINDOW_MS = 3_600_000

const shape = v.strictObject({
  asked: v.pipe(v.array(v.strictObject({ request: bytesShape(32), at: brandShape(decodeTimestamp) })), v.maxLength(MAX_UNLOCKS)),
})

interface Asked {
  readonly request: Uint8Array
  readonly at: Timestamp
}

/** How often this holder was asked to unlock each owner, durably: a restart of the holder makes no room for more. One unlocking, which names itself, may ask again and again within its hour. */
export class UnlockCounts {
  readonly #context: Pick<PiecesContext, "storage" | "clock" | "primitives">
  readonly #turns = new Turns()

  constructor(context: Pick<PiecesContext, "storage" | "clock" | "primitives">) {
    this.#context = context
  }

  /** Counts an unlocking before it is answered. Refuses `UNLOCK_TOO_OFTEN`. */
  async count(owner: NodeReference, request: Uint8Array, options: CallOptions): Promise<Result<true>> {
    const key = `${owner.cluster.slice(0, 16)}/${toHex(this.#context.primitives.sha256(utf8(owner.path)))}`
    return await this.#turns.take(key, async () => await this.#countNow(key, request, options))
  }

  async #countNow(key: string, request: Uint8Array, options: CallOptions): Promise<Result<true>> {
    const { clock, storage } = this.#context
    const now = clock.now()
    const found = await storage.get("unlock-count", key, options)
    if (!found.ok) return found
    const checked =
      found.value === undefined ? ok({ asked: [] }) : checkShape(found.value, { shape, code: "STORAGE_CORRUPT", noun: "unlock count" })
    if (!checked.ok) return checked
    // What lies in the future was counted before the clock was set back.
    const recent = checked.value.asked.filter(({ at }: Asked) => now - at < UNLOCK_WINDOW_MS)
    if (recent.some((each) => equalBytes(each.request, request))) return ok(true)
    if (recent.length >= MAX_UNLOCKS)
      return refuse(
        "UNLOCK_TOO_OFTEN",
        `this node was asked for ${MAX_UNLOCKS} unlockings of the owner within an hour; wait, or use its passphrase`,
      )
    const asked = [...recent, { request, at: now }]
    return await storage.write([{ kind: "put", collection: "unlock-count", key, value: { asked } }], options)
  }
}
