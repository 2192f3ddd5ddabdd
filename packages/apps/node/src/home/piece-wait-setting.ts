import type { Shape } from "@keygrove/base"
import * as v from "valibot"

/** How long this node waits for other members before it does the work of key pieces that follows, in whole seconds. What is missing is as when nothing is said. */
export interface PieceWaitSetting {
  /** 5 to 604,800 (a week); 600 unless given. An owner that has not shared in a complete key generation for so long is taken to be off, and its pieces are moved there without it. */
  readonly ownerSeconds?: number
  /** 5 to 3,600; 120 unless given. So long an attempt to move pieces has to end before another begins; twice as long after each, up to two hours. */
  readonly attemptSeconds?: number
  /** 30 to 3,600; 600 unless given. A key generation in which no majority has shared for so long is aborted. */
  readonly generationSeconds?: number
  /** 60 to 86,400 (a day); 900 unless given. So long `pieces join` tries before it undoes what it did. */
  readonly joinSeconds?: number
}

/** Shape of {@link PieceWaitSetting}. */
export const pieceWaitShape: Shape<PieceWaitSetting> = v.strictObject({
  ownerSeconds: v.exactOptional(secondsFrom(5, 604_800)),
  attemptSeconds: v.exactOptional(secondsFrom(5, 3_600)),
  generationSeconds: v.exactOptional(secondsFrom(30, 3_600)),
  joinSeconds: v.exactOptional(secondsFrom(60, 86_400)),
})

function secondsFrom(least: number, most: number): v.GenericSchema<number> {
  return v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most))
}
