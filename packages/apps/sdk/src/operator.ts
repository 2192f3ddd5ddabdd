/**
 * For people who write operators: functions that the node's keystore runs on keys. A module of one exports it as `operate` and imports nothing; config.json
 * registers it with the digest of its bytes. See docs/operators.md.
 */

/** What the settings can say about a result, by `kind` of `output`. */
export interface OperatorReturns {
  readonly boolean: boolean
  /** A whole number from 0 to `max`, which is at most 99,999,999. */
  readonly integer: number
  /** One of the names in the settings. */
  readonly choice: string
  /** At most 1 KiB; what leaves is a keyed hash of them. */
  readonly digest: Uint8Array
}

/**
 * A pure and synchronous function. `secret` is the key itself, wiped when the function has returned: keep no copy of it. `input` is the caller's. What it
 * throws is told to nobody.
 */
export type Operator<Kind extends keyof OperatorReturns = keyof OperatorReturns> = (
  secret: Uint8Array,
  input: Uint8Array,
) => OperatorReturns[Kind]

/** The function as it is, checked by the compiler to be an operator of that kind. */
export function defineOperator<Kind extends keyof OperatorReturns>(_kind: Kind, operator: Operator<Kind>): Operator<Kind> {
  return operator
}
