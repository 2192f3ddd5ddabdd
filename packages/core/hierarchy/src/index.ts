export type { ClusterId, Epoch, EpochKeys, Generation, NodePath, Timestamp } from "./names.ts"
