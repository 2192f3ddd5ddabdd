import type { ErrorClass } from "./error-table.ts"

/** What programs end with, by the class of the error. */
export const exitStatuses: Readonly<Record<ErrorClass, number>> = {
  failed: 1,
  usage: 2,
  locked: 3,
  refused: 4,
  peers: 5,
  "not-running": 6,
  interrupted: 130,
}
