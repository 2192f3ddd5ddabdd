export { pieceErrors } from "./errors.ts"
export {
  decodeKeyGeneration,
  decodePieceIndex,
  majorityOf,
  MAX_CUSTODY_MEMBERS,
  MAX_KEY_GENERATION,
  MIN_CUSTODY_MEMBERS,
  type KeyGeneration,
  type PieceIndex,
} from "./numbers.ts"
export { sharingIdOf, type IdentifiedSharing } from "./sharing-id.ts"
