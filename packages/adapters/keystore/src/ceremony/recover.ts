import type { DatabaseSync } from "node:sqlite"
import { equalBytes, ok, refuse, unwrap, type Result, type Secret } from "@keygrove/base"
import {
  decodeEpoch,
  deriveAnchor,
  deriveChild,
  deriveVault,
  parentPath,
  pathNames,
  type ClusterId,
  type Epoch,
  type Generation,
  type NodePath,
  type NodePlace,
  type VaultSecrets,
} from "@keygrove/hierarchy"
import type { NodeIdentity } from "@keygrove/service"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { unlockNode } from "../node-secrets.ts"
import type { SecretSource } from "../secret-source.ts"
import type { NodeRecord } from "../node-record.ts"
import { openStore } from "../stored-node.ts"
import { rekeyEntry } from "./prepare-rekey.ts"
import { readRoot, type WordsSource } from "./root-source.ts"
import { newUnlockSecret, storeNode } from "./store-node.ts"

/** One generation on the way down, as the ledger certified it. */
export interface RecoveryStep {
  readonly path: NodePath
  readonly generation: Generation
  /** Ed25519, 32 bytes: what is derived must have this anchor. */
  readonly anchorKey: Uint8Array
}

/** Whose secret everything is derived from. */
export type RecoveryAncestor =
  | { readonly kind: "root"; readonly words: WordsSource }
  /** A node in its own keystore, at the place that the first step hangs on. */
  | {
      readonly kind: "node"
      readonly database: DatabaseSync
      readonly unlock: SecretSource
      readonly node: Omit<RecoveryStep, "anchorKey">
    }

export interface RecoveryOrder {
  readonly cluster: ClusterId
  readonly ancestor: RecoveryAncestor
  /** From the child of the ancestor down to the node. */
  readonly steps: readonly [RecoveryStep, ...RecoveryStep[]]
  /** The last that the ledger names; absent for a node that was never heard of, whose first rekey is signed now. */
  readonly epoch?: Epoch
  /** Of the new home. */
  readonly unlock: SecretSource
}

export interface RecoveryOutcome {
  readonly identity: NodeIdentity
  /** The encoded first rekey of a node that had none. Public. */
  readonly rekey?: Uint8Array
}

/** What comes over from a lost keystore into the record of its node. */
export type AdoptedRecord = Pick<NodeRecord, "tokenNamespace">

/** Judges what is at hand of the lost node with its vault's secrets, which are borrowed, before anything is stored. */
export type Adoption = (secrets: VaultSecrets) => Promise<Result<AdoptedRecord>>

/**
 * Derives a node's secret again from that of a node above it, or of the root, and seals it in a keystore database without a node. Every step must have the anchor that the ledger
 * certified. The words pass through strings, so the process must end afterwards.
 */
export async function recoverNode(
  database: DatabaseSync,
  tools: KeystoreTools,
  order: RecoveryOrder,
  { adopt, ...options }: SourceOptions & { readonly adopt: Adoption },
): Promise<Result<RecoveryOutcome>> {
  const ancestor = await openAncestor(tools, order, options)
  if (!ancestor.ok) return ancestor
  const derived = deriveDown(tools, ancestor.value, order.steps)
  if (!derived.ok) return derived
  using nodeSecret = derived.value.secret
  using vault = deriveVault(tools.primitives, nodeSecret)
  const adopted = await adopt(vault)
  if (!adopted.ok) return adopted
  const { generation, path } = derived.value.step
  const place: NodePlace = { cluster: order.cluster, path, generation, epoch: order.epoch ?? unwrap(decodeEpoch(1)) }
  const unlock = await newUnlockSecret(order.unlock, tools, options)
  if (!unlock.ok) return unlock
  using secret = unlock.value.secret
  const stored = storeNode(database, tools, { method: unlock.value.method, secret }, { place: { ...place, ...adopted.value }, nodeSecret })
  if (!stored.ok) return stored
  using node = unlockNode(tools.primitives, nodeSecret, place)
  return ok({ identity: node.identity, ...(order.epoch === undefined ? { rekey: rekeyEntry(tools.primitives, nodeSecret, place) } : {}) })
}

async function openAncestor(tools: KeystoreTools, { ancestor, cluster }: RecoveryOrder, options: SourceOptions): Promise<Result<Secret>> {
  if (ancestor.kind === "root") {
    const root = await readRoot(tools, { words: ancestor.words, cluster }, options)
    return root.ok ? ok(root.value.secret) : root
  }
  const opened = await openStore(ancestor.database, tools, ancestor.unlock, options)
  if (!opened.ok) return opened
  using store = opened.value
  const { node } = store
  const { generation, path } = ancestor.node
  const own = [{ place: node.record, nodeSecret: node.nodeSecret }, ...node.predecessors]
  const asked = own.find(({ place }) => place.cluster === cluster && place.path === path && place.generation === generation)
  if (asked !== undefined) return ok(asked.nodeSecret.copy())
  const { record: found } = node
  return refuse(
    "NODE_NOT_BELOW",
    `it descends from ${path}, generation ${generation}, and this home is ${found.path}, generation ${found.generation}; recover it with the words of the root`,
  )
}

/** Takes the ancestor's secret and wipes it. */
function deriveDown(
  { primitives }: KeystoreTools,
  ancestor: Secret,
  steps: RecoveryOrder["steps"],
): Result<{ readonly secret: Secret; readonly step: RecoveryStep }> {
  let secret = ancestor
  for (const [index, step] of steps.entries()) {
    const above = index === 0 ? parentPath(step.path) : steps[index - 1]?.path
    const name = pathNames(step.path).at(-1)
    if (name === undefined || above !== parentPath(step.path)) throw new TypeError("each step is a child of the one before")
    const child = deriveStep(primitives, secret, { name, generation: step.generation })
    secret = child
    using anchor = deriveAnchor(primitives, secret)
    if (equalBytes(anchor.publicKey, step.anchorKey)) continue
    secret[Symbol.dispose]()
    return refuse(
      "RECOVERY_ANCHOR_WRONG",
      `the key derived for ${step.path}, generation ${step.generation}, is not the one that the ledger certified; is it the ledger of this cluster?`,
    )
  }
  return ok({ secret, step: steps.at(-1) ?? steps[0] })
}

function deriveStep(primitives: KeystoreTools["primitives"], above: Secret, child: Parameters<typeof deriveChild>[2]): Secret {
  using parent = above
  return deriveChild(primitives, parent, child)
}
