/** Public values that explain a refusal: observed and expected, never a secret. */
export type RefusalData = Readonly<Record<string, string | number | boolean>>

/** An expected refusal, returned instead of thrown, because the caller must decide what to do about it. */
export interface Refusal<Code extends string = string> {
  readonly ok: false
  /** Stable, upper-case, listed in docs/errors.md. */
  readonly code: Code
  /** One line: what happened, with the observed and the expected value, and what to do. Never a secret. */
  readonly message: string
  readonly data?: RefusalData
}

/** A value, when nothing was refused. */
export interface Ok<T> {
  readonly ok: true
  readonly value: T
}

/** Either a value or a refusal with one of the named codes. */
export type Result<T, Code extends string = string> = Ok<T> | Refusal<Code>

/** Wraps a value as a successful result. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

/** Makes a refusal. `message` is one line that never carries a secret. */
export function refuse<Code extends string>(code: Code, message: string, data?: RefusalData): Refusal<Code> {
  return data === undefined ? { ok: false, code, message } : { ok: false, code, message, data }
}

/** The value of a result that the caller knows cannot be refused, or a thrown {@link KeygroveError} with its code. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new KeygroveError(result.code, result.message, result.data === undefined ? {} : { data: result.data })
}

/** The error that carries a stable code across a layer that cannot return a {@link Result}. */
export class KeygroveError extends Error {
  override readonly name: string = "KeygroveError"
  readonly code: string
  readonly data: RefusalData

  constructor(code: string, message: string, options: { readonly data?: RefusalData; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.data = options.data ?? {}
  }

  /** The same fact as a refusal, for a caller that answers instead of throwing. */
  toRefusal(): Refusal {
    return refuse(this.code, this.message, this.data)
  }
}

/** Ends a closed union in a `switch`: does not compile while a case is missing, throws if one arrives anyway. */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable case: ${typeof value}`)
}
