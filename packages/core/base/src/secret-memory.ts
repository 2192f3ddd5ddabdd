/** Where secrets live. One per process: locking is a property of the process, so this is its only global setting. */
export interface SecretMemory {
  /** Whether pages are locked against swapping and core dumps. */
  readonly locked: boolean
  /** Gives `length` zeroed bytes that share no buffer with anything but other secrets. */
  allocate(length: number): Uint8Array
  /** Takes back bytes given by {@link SecretMemory.allocate}, already zeroed by their owner. */
  release(bytes: Uint8Array): void
}

/** Plain memory: an own `ArrayBuffer` for each secret, because a pooled or small typed array can leave copies after wiping (measured, design.md §4). */
export const plainSecretMemory: SecretMemory = {
  locked: false,
  allocate: (length) => new Uint8Array(new ArrayBuffer(length)),
  release: () => undefined,
}

let current: SecretMemory = plainSecretMemory

/** The memory that new secrets are put in. */
export function secretMemory(): SecretMemory {
  return current
}

/** Sets the process's secret memory; called once by a composition root before the first secret is made. */
export function installSecretMemory(memory: SecretMemory): void {
  current = memory
}
