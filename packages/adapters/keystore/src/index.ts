export { encodeGenesis, foundNode, type FoundedNode } from "./ceremony/found-node.ts"
export { withoutCoreDumps, type Command } from "./core-dumps.ts"
export { KeystoreEngine, type KeystoreTools } from "./engine.ts"
export { keystoreErrors, type KeystoreErrorCode } from "./errors.ts"
export { KeystoreClient } from "./ipc/client.ts"
export { serveLocked } from "./ipc/serve-locked.ts"
export { encodeFrame, FrameDecoder, FrameTooLarge, MAX_FRAME_BYTES } from "./ipc/frames.ts"
export { decodeIdentityValue, encodeAnswer, identityValue } from "./ipc/messages.ts"
export { serveKeystore, type ServedKeystore } from "./ipc/server.ts"
export { KEY_FILE_BYTES, type UnlockSecret } from "./key-encryption.ts"
export { unlockNode, type UnlockedNode } from "./node-secrets.ts"
export { KEYSTORE_APPLICATION_ID, KEYSTORE_MIGRATIONS, SealedRecords, type RecordTools, type SealedRecord } from "./sealed-records.ts"
export type { SourceOptions } from "./inherited-source.ts"
export { bootSecretOf, type BootKeyRefusal, type BootSecretSource } from "./boot-key.ts"
export {
  bootSecretIn,
  keepBootKey,
  readBootKeyForm,
  registersShape,
  type BootKeyForm,
  type BootKeyTools,
  type BootSealer,
} from "./boot-key-file.ts"
export { LockedEngine, type PieceOpening } from "./locked-engine.ts"
export { RUN_MIGRATIONS } from "./run-store.ts"
export { offerPassphrase } from "./handed-passphrase.ts"
export { readPassphrase, readUnlockSecret, type SecretSource } from "./secret-source.ts"
export { spawnKeystore, spawnLockedKeystore, type KeystoreProcess, type KeystoreProgram, type LockedKeystoreProcess } from "./spawn.ts"
export { unlockKeystore, type UnlockedKeystore } from "./unlock.ts"
