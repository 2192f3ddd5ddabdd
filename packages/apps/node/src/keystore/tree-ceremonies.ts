import type { DatabaseSync } from "node:sqlite"
import { brandShape, checkShape, integerShape, ok, type CborValue, type Result, type Shape } from "@keygrove/base"
import { decodeClusterId, decodeGeneration, decodeNodePath, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import { identityValue, type KeystoreTools, type SecretSource, type SourceOptions } from "@keygrove/keystore"
import type { AdministrationOutcome, AdministrativeAct, JoinOrder, WordsSource } from "@keygrove/keystore/ceremony"
import * as v from "valibot"

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
const hexDigest = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/),
  v.transform((hex) => new Uint8Array(Buffer.from(hex, "hex"))),
)
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
  ]),
  codeOut: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))),
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
  const asked = checkShape(parsed(argument), { shape, code: "KEYSTORE_REQUEST_INVALID", noun: "order" })
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

function parsed(text: string): CborValue {
  try {
    return JSON.parse(text)
  } catch {
    // The shape says what is wrong with it.
    return null
  }
}
