import { brandShape, fromHex, ok, unwrap, type CborValue, type Result, type Shape } from "@keygrove/base"
import { decodeClusterId, decodeNodePath } from "@keygrove/hierarchy"
import { identityValue, type KeystoreTools, type SourceOptions } from "@keygrove/keystore"
import { moveNode, replaceRoot, type KeyHandover, type MoveOrder, type RootRekeyOrder } from "@keygrove/keystore/ceremony"
import { MAX_INVITATION_CHARACTERS } from "@keygrove/ledger"
import { openDatabase } from "@keygrove/sqlite"
import { auditHeadOf, resealKeys } from "@keygrove/vault"
import * as v from "valibot"
import { readArgument } from "./ceremony-argument.ts"
import { MAX_ROOT_REKEY_NODES } from "../home/root-rekey.ts"
import { auditFile } from "./keystore-files.ts"
import type { CeremonyMeans } from "./tree-ceremonies.ts"

/** What the command line asks the replacement of a root for, as one argument: JSON of what is public. */
export type RootRekeyArgument = Omit<RootRekeyOrder, "words" | "newPassphrase">

const file = v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))
const rootRekeyShape: Shape<RootRekeyArgument> = v.strictObject({
  cluster: brandShape(decodeClusterId),
  nodes: v.pipe(v.array(brandShape(decodeNodePath)), v.minLength(1), v.maxLength(MAX_ROOT_REKEY_NODES)),
  ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(512)),
  wordsOut: v.exactOptional(file),
  codeOut: v.exactOptional(file),
})

/** What the command line asks a move for, likewise. */
export type MoveArgument = Pick<MoveOrder, "invitation" | "chain">

/** Longest entry of such a chain. */
const MAX_ENTRY_DIGITS = 8_192
/** 16 replacements, the announcement, and a certificate for each name of a path. */
const MAX_CHAIN_ENTRIES = 32
const moveShape: Shape<MoveArgument> = v.strictObject({
  invitation: v.pipe(v.string(), v.maxLength(MAX_INVITATION_CHARACTERS)),
  chain: v.pipe(
    v.array(v.pipe(v.string(), v.regex(/^([0-9a-f]{2})+$/), v.maxLength(MAX_ENTRY_DIGITS), v.transform(bytesOf))),
    v.maxLength(MAX_CHAIN_ENTRIES),
  ),
})

/** Makes a new root and certifies the nodes of the old one below it. No home is opened. */
export async function rootRekeyMode(
  tools: KeystoreTools,
  { argument, ...sources }: Pick<RootRekeyOrder, "newPassphrase" | "words"> & { readonly argument: string },
  options: SourceOptions,
): Promise<Result<CborValue>> {
  const asked = readArgument(argument, rootRekeyShape)
  if (!asked.ok) return asked
  const outcome = await replaceRoot(tools, { ...asked.value, ...sources }, options)
  if (!outcome.ok) return outcome
  const { anchorKey, announced, invitations, replaced, successor } = outcome.value
  return ok({ successor, anchorKey, announced, replaced, invitations: [...invitations] })
}

/** Makes the node of a home one of the successor of its cluster; the answer is who it is now, and what the home's `genesis` says. */
export async function moveMode(
  means: CeremonyMeans & { readonly audit: string },
  argument: string,
  options: SourceOptions,
): Promise<Result<CborValue>> {
  const asked = readArgument(argument, moveShape)
  if (!asked.ok) return asked
  const audit = openDatabase(auditFile(means.audit))
  if (!audit.ok) return audit
  using trail = audit.value
  const { database, tools, unlock, words } = means
  const handOver: KeyHandover = (from, to, moved) => {
    const end = auditHeadOf(trail, { primitives: tools.primitives, secrets: from }, moved)
    if (!end.ok) return end
    const resealed = resealKeys(database, { ...tools, from, to })
    return resealed.ok ? ok({ ...resealed.value, ...(end.value.length === 0 ? {} : { trail: end.value }) }) : resealed
  }
  const { descriptor } = words
  const order: MoveOrder = { ...asked.value, unlock, ...(descriptor === undefined ? {} : { codeDescriptor: descriptor }) }
  const outcome = await moveNode(database, tools, order, { ...options, handOver })
  if (!outcome.ok) return outcome
  const { genesis, identity, moved } = outcome.value
  return ok({ identity: identityValue(identity), genesis, ...(moved === undefined ? {} : { keys: moved.keys, derived: moved.derived }) })
}

function bytesOf(hex: string): Uint8Array {
  return unwrap(fromHex(hex))
}
