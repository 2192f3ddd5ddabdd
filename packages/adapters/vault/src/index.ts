export type { AlgorithmTools, KeyAlgorithm, SignedMessage } from "./algorithms/algorithm.ts"
export { createAlgorithms } from "./algorithms/algorithms.ts"
export { vaultErrors, type VaultErrorCode } from "./errors.ts"
export { deriveSecret, generateSecret } from "./key-secrets.ts"
