import type { ErrorClass } from "@keygrove/base"

/** Exit statuses of interfaces.md. */
export const exitStatuses: Readonly<Record<ErrorClass, number>> = {
  failed: 1,
  usage: 2,
  locked: 3,
  refused: 4,
  peers: 5,
  "not-running": 6,
  interrupted: 130,
}
