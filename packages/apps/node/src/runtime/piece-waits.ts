import { DEFAULT_WAITS, type CustodyWaits } from "@keygrove/service"
import type { PieceWaitSetting } from "../home/piece-wait-setting.ts"

/** The waits of a configuration, all of them. */
export function pieceWaits(setting: PieceWaitSetting = {}): CustodyWaits {
  const milliseconds = (seconds: number | undefined, otherwise: number): number => (seconds === undefined ? otherwise : seconds * 1_000)
  return {
    ownerMs: milliseconds(setting.ownerSeconds, DEFAULT_WAITS.ownerMs),
    attemptMs: milliseconds(setting.attemptSeconds, DEFAULT_WAITS.attemptMs),
    generationMs: milliseconds(setting.generationSeconds, DEFAULT_WAITS.generationMs),
    joinMs: milliseconds(setting.joinSeconds, DEFAULT_WAITS.joinMs),
  }
}
