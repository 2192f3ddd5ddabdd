import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Secret, unwrap } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { decodeClusterBytes, decodeEpoch, decodeNodePath, deriveEpoch } from "@keygrove/hierarchy"
import { SealedRecords } from "@keygrove/keystore"
import { combinePieces, decodeCommitments, decodeKeyGeneration, decodePieceIndex, type Piece, type PieceIndex } from "@keygrove/pieces"
import type { SharingReference } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import { decode } from "cborg"
import { pieceParts } from "../../../packages/adapters/keystore/src/piece-contexts.ts"
import { StorageVault } from "../../../packages/adapters/keystore/src/storage-vault.ts"

const primitives = nativePrimitives
const tools = { primitives, random: systemRandom }

/** Where a holder, in its first epoch, has its keys. */
export interface HolderFiles {
  readonly keyFile: string
  /** `keystore.db`. */
  readonly store: string
}

/** A piece as its holder keeps it. */
export interface KeptPiece {
  readonly sharing: SharingReference
  readonly index: PieceIndex
  readonly stored: Uint8Array
}

/** The piece that a holder keeps, opened with its key file, as only its owner could. */
export function openKeptPiece({ keyFile, store }: HolderFiles, { index, sharing, stored }: KeptPiece): Piece {
  using database = new DatabaseSync(store)
  using secret = Secret.take(Uint8Array.from(readFileSync(keyFile)))
  using records = unwrap(SealedRecords.open(database, tools, { method: "key-file", secret }))
  using node = unwrap(records.get("node")).secret
  using epoch = deriveEpoch(primitives, node, unwrap(decodeEpoch(1)))
  using vault = new StorageVault(tools, "keygrove/v1/stored-piece", () => [epoch.storage])
  const value = vault.open(pieceParts(primitives, { sharing, index }), stored)
  if (value === undefined) throw new TypeError("a holder keeps its piece")
  return { index, value }
}

/** The storage key of an owner, from the pieces of its newest sharing that these holders keep; the caller's. */
export function storageKeyOf(owner: string, holders: readonly (HolderFiles & { /** `node.db`. */ readonly storage: string })[]): Secret {
  const kept = holders.map((files) => ({ files, piece: newestOf(owner, files.storage) }))
  const [first] = kept
  if (first === undefined) throw new TypeError("there are holders")
  const pieces = kept.map(({ files, piece }) => openKeptPiece(files, piece))
  const commitments = unwrap(decodeCommitments(primitives.curve, first.piece.sharing.commitments))
  try {
    return unwrap(combinePieces({ curve: primitives.curve, random: systemRandom }, commitments, pieces)).secret
  } finally {
    for (const { value } of pieces) value[Symbol.dispose]()
  }
}

function newestOf(owner: string, storage: string): KeptPiece {
  using database = new DatabaseSync(storage, { readOnly: true })
  const kept = database
    .prepare("SELECT value FROM record WHERE collection = 'piece'")
    .all()
    .map(({ value }): Record<string, unknown> => decode(value instanceof Uint8Array ? value : new Uint8Array(0)))
    .filter((record) => record["owner"] === owner)
    .toSorted((a, b) => Number(b["generation"]) - Number(a["generation"]))
  const { cluster, commitments, generation, index, stored } = kept[0] ?? {}
  if (!(stored instanceof Uint8Array) || !Array.isArray(commitments)) throw new TypeError(`${storage} has no piece of ${owner}`)
  const sharing = {
    cluster: unwrap(decodeClusterBytes(cluster)),
    owner: unwrap(decodeNodePath(owner)),
    generation: unwrap(decodeKeyGeneration(generation)),
    commitments: commitments.filter((each): each is Uint8Array => each instanceof Uint8Array),
  }
  return { sharing, index: unwrap(decodePieceIndex(index)), stored }
}
