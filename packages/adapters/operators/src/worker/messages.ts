/** What a thread is started with: one thread, one use of one operator. */
export interface WorkerOrder {
  /** Code of the module. */
  readonly source: string
  readonly secretBytes: number
  /** Most bytes that the function may return. */
  readonly outputBytes: number
}

/** What the thread says, in this order: that it waits for the secret, or that it cannot; then what came of the use. */
export type WorkerSays =
  /** `memory` is for the secret and, after it, what the function returns. */
  | { readonly kind: "ready"; readonly memory: SharedArrayBuffer }
  /** The module does not load: a word that says why, and nothing of its own. */
  | { readonly kind: "invalid"; readonly why: string }
  | { readonly kind: "value"; readonly value: boolean | number | string }
  /** The function returned bytes; they are in the memory. */
  | { readonly kind: "bytes"; readonly length: number }
  | { readonly kind: "failed"; readonly why: string }

/** What the thread is told once the secret is in its memory. */
export interface WorkerUse {
  readonly input: Uint8Array
}
