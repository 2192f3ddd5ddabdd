import type { DatabaseSync } from "node:sqlite"
import { brandShape, ok, refuse, type CborValue, type Result, type Shape } from "@keygrove/base"
import {
  decodeClusterId,
  decodeEpoch,
  decodeGeneration,
  decodeNodePath,
  MAX_PATH_DEPTH,
  type ClusterId,
  type Epoch,
  type Generation,
  type NodePath,
  type VaultSecrets,
} from "@keygrove/hierarchy"
import { identityValue, type SourceOptions } from "@keygrove/keystore"
import { claimedRecord } from "@keygrove/keystore/node-record"
import { recoverNode, type AdoptedRecord, type Adoption, type RecoveryAncestor, type RecoveryStep } from "@keygrove/keystore/ceremony"
import { openDatabase } from "@keygrove/sqlite"
import { adoptKeys, verifyAuditTrail } from "@keygrove/vault"
import * as v from "valibot"
import { hexShape, readArgument } from "./ceremony-argument.ts"
import { auditFile, keystoreFile } from "./keystore-files.ts"
import type { CeremonyMeans } from "./tree-ceremonies.ts"

/** What is recovered and from what, as one argument: JSON of what is public. */
export interface RecoveryArgument {
  readonly cluster: ClusterId
  readonly ancestor:
    | { readonly kind: "root" }
    | {
        readonly kind: "node"
        /** Its `keystore.db`. */
        readonly store: string
        /** What unlocks it; a passphrase on the descriptor of the words otherwise. */
        readonly keyFile?: string
        readonly path: NodePath
        readonly generation: Generation
      }
  readonly steps: readonly RecoveryStep[]
  readonly epoch?: Epoch
  /** A copy of the lost machine's keystore, of which this process may do what it likes. */
  readonly lost?: string
}

const path = brandShape(decodeNodePath)
const generation = brandShape(decodeGeneration)
const file = v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))
const anchorKey = hexShape(32)
const shape: Shape<RecoveryArgument> = v.strictObject({
  cluster: brandShape(decodeClusterId),
  ancestor: v.variant("kind", [
    v.strictObject({ kind: v.literal("root") }),
    v.strictObject({ kind: v.literal("node"), store: file, keyFile: v.exactOptional(file), path, generation }),
  ]),
  steps: v.pipe(v.array(v.strictObject({ path, generation, anchorKey })), v.minLength(1), v.maxLength(MAX_PATH_DEPTH)),
  epoch: v.exactOptional(brandShape(decodeEpoch)),
  lost: v.exactOptional(file),
})

/** Where the passphrase of the ancestor's home comes from: where words would. */
const ANCESTOR_DESCRIPTOR = 5

/** Derives a node again, brings its named keys over, and seals it in the empty keystore of `means`; the answer is its identity and how many keys came. */
export async function recoverMode(
  means: CeremonyMeans & { readonly audit: string },
  argument: string,
  options: SourceOptions,
): Promise<Result<CborValue>> {
  const asked = readArgument(argument, shape)
  if (!asked.ok) return asked
  using stack = new DisposableStack()
  const ancestor = ancestorOf(asked.value, means, stack)
  if (!ancestor.ok) return ancestor
  const { cluster, epoch, steps } = asked.value
  const [first, ...others] = steps
  if (first === undefined) throw new TypeError("the shape asks for one step at least")
  let keys = 0
  const adopt: Adoption = async (secrets) => {
    const adopted = await Promise.resolve(adoptLost(asked.value, means, secrets))
    if (!adopted.ok) return adopted
    keys = adopted.value.keys
    return ok(adopted.value.record)
  }
  const outcome = await recoverNode(
    means.database,
    means.tools,
    { cluster, ancestor: ancestor.value, steps: [first, ...others], unlock: means.unlock, ...(epoch === undefined ? {} : { epoch }) },
    { ...options, adopt },
  )
  if (!outcome.ok) return outcome
  const { identity, rekey } = outcome.value
  return ok({ identity: identityValue(identity), keys, ...(rekey === undefined ? {} : { rekey }) })
}

function ancestorOf({ ancestor }: RecoveryArgument, { words }: CeremonyMeans, stack: DisposableStack): Result<RecoveryAncestor> {
  if (ancestor.kind === "root") return ok({ kind: "root", words })
  const opened = open(ancestor.store, stack)
  if (!opened.ok) return opened
  const { keyFile, path: place, generation: number } = ancestor
  return ok({
    kind: "node",
    database: opened.value,
    unlock: keyFile === undefined ? { kind: "descriptor", descriptor: ANCESTOR_DESCRIPTOR } : { kind: "key-file", path: keyFile },
    node: { path: place, generation: number },
  })
}

interface AdoptedKeystore {
  /** How many named keys there are. */
  readonly keys: number
  /** A claim, which nothing authenticates: with another namespace, keys in a token would only not be found. */
  readonly record: AdoptedRecord
}

/** Copies the named keys of the lost keystore and checks them and the audit trail. */
function adoptLost(
  { cluster, lost, steps }: RecoveryArgument,
  means: CeremonyMeans & { readonly audit: string },
  secrets: VaultSecrets,
): Result<AdoptedKeystore> {
  const node = steps.at(-1)
  if (lost === undefined || node === undefined) return ok({ keys: 0, record: {} })
  using stack = new DisposableStack()
  const opened = open(lost, stack)
  if (!opened.ok) return opened
  const place = claimedRecord(opened.value)
  if (!place.ok) return place
  const { value: found } = place
  if (found.cluster !== cluster || found.path !== node.path || found.generation !== node.generation) {
    const of = found.cluster === cluster ? "" : ` of cluster ${found.cluster.slice(0, 16)}`
    return refuse(
      "RECOVERY_KEYSTORE_FOREIGN",
      `it is the keystore of ${found.path}, generation ${found.generation}${of}, not of ${node.path}, generation ${node.generation}; nothing was made`,
    )
  }
  const { primitives } = means.tools
  const adopted = adoptKeys(opened.value, means.database, { primitives, secrets })
  if (!adopted.ok) return adopted
  const audit = openDatabase(auditFile(means.audit))
  if (!audit.ok) return audit
  stack.adopt(audit.value, (database) => database.close())
  const verified = verifyAuditTrail(audit.value, { primitives, secrets })
  const { tokenNamespace } = found
  const record = tokenNamespace === undefined ? {} : { tokenNamespace }
  return verified.ok ? ok({ keys: adopted.value, record }) : verified
}

function open(store: string, stack: DisposableStack): Result<DatabaseSync> {
  const opened = openDatabase(keystoreFile(store))
  if (opened.ok) stack.adopt(opened.value, (database) => database.close())
  return opened
}
