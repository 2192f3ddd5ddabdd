import type { DatabaseSync } from "node:sqlite"
import { brandShape, integerShape, ok, type CborValue, type Result, type Shape } from "@keygrove/base"
import { decodeClusterId, decodeEpoch, decodeGeneration, decodeNodePath, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import { identityValue, type KeystoreTools, type SecretSource, type SourceOptions } from "@keygrove/keystore"
import type { AdministrationOutcome, AdministrativeAct, JoinOrder, RekeyOrder, WordsSource } from "@keygrove/keystore/ceremony"
import * as v from "valibot"
import { hexShape, readArgument } from "./ceremony-argument.ts"

/** What the command line asks an anchor to do, as one argument: JSON of what is public. */
export interface AdministrationArgument {
  readonly cluster: ClusterId
  /** Path of whose anchor signs; `/` for the root. */
  readonly author: NodePath
  readonly act: AdministrativeAct
  readonly codeOut?: string
}

const path = brandShape(decodeNodePath)
const generation = brandShape(decodeGeneration)
const epoch = brandShape(decodeEpoch)
const hexDigest = hexShape(32)
const revocation = v.strictObject({
  path,
  generation,
  reason: v.picklist(["compromised", "retired"]),
  lastGood: v.exactOptional(v.strictObject({ origin: hexDigest, index: integerShape(0, Number.MAX_SAFE_INTEGER) })),
  isLast: v.exactOptional(v.literal(true)),
})
const shape: Shape<AdministrationArgument> = v.strictObject({
  cluster: brandShape(decodeClusterId),
  author: path,
  act: v.variant("kind", [
    v.strictObject({ kind: v.literal("invite"), path, generation, ledger: v.pipe(v.string(), v.minLength(1), v.maxLength(512)) }),
    v.strictObject({ kind: v.literal("revoke"), revocation }),
    v.strictObject({ kind: v.literal("order-rekey"), order: v.strictObject({ path, generation, epoch }) }),
  ]),
  codeOut: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
})

/** What the command line asks a ceremony of a rekey for, as one argument: JSON of what is public. */
export type RekeyArgument = Omit<RekeyOrder, "unlock">

const rekeyShape: Shape<RekeyArgument> = v.strictObject({
  place: v.strictObject({ cluster: brandShape(decodeClusterId), path, generation, epoch }),
  exchange: v.exactOptional(v.strictObject({ exchangeKey: hexShape(32), signature: hexShape(64) })),
})

/** What such a process has at hand. */
export interface CeremonyMeans {
  readonly database: DatabaseSync
  readonly tools: KeystoreTools
  readonly unlock: SecretSource
  /** Where words or a code come from. */
  readonly words: WordsSource
}

/** Has the node's anchor, or the root's, sign what the argument says; the answer is the entry and the invitation. */
export async function administerMode(means: CeremonyMeans, argument: string, options: SourceOptions): Promise<Result<CborValue>> {
  const asked = readArgument(argument, shape)
  if (!asked.ok) return asked
  const { act, author, cluster, codeOut } = asked.value
  const { administer } = await import("@keygrove/keystore/ceremony")
  const outcome: Result<AdministrationOutcome> = await administer(
    means.database,
    means.tools,
    {
      author: { cluster, path: author },
      administrator: author === "/" ? { kind: "root", words: means.words } : { kind: "node", unlock: means.unlock },
      act,
      ...(codeOut === undefined ? {} : { codeOut }),
    },
    options,
  )
  if (!outcome.ok) return outcome
  const { entry, invitation } = outcome.value
  return ok({ entry, ...(invitation === undefined ? {} : { invitation }) })
}

/** Makes an empty home the child that an invitation speaks of. */
export async function joinMode(means: CeremonyMeans, invitation: string, options: SourceOptions): Promise<Result<CborValue>> {
  const { joinCluster } = await import("@keygrove/keystore/ceremony")
  const order: JoinOrder = {
    invitation,
    unlock: means.unlock,
    ...(means.words.descriptor === undefined ? {} : { codeDescriptor: means.words.descriptor }),
  }
  const outcome = await joinCluster(means.database, means.tools, order, options)
  return outcome.ok ? ok({ identity: identityValue(outcome.value.identity), genesis: outcome.value.genesis }) : outcome
}

/** Prepares the next epoch of the node of this store; the answer is its statement, and its secret sealed to the keystore that asks. */
export async function rekeyMode(means: CeremonyMeans, argument: string, options: SourceOptions): Promise<Result<CborValue>> {
  const asked = readArgument(argument, rekeyShape)
  if (!asked.ok) return asked
  const { holdRekey } = await import("@keygrove/keystore/ceremony")
  const outcome = await holdRekey(means.database, means.tools, { ...asked.value, unlock: means.unlock }, options)
  if (!outcome.ok) return outcome
  const { entry, epoch: prepared, sealed } = outcome.value
  return ok({ epoch: prepared, entry, ...(sealed === undefined ? {} : { sealed }) })
}
