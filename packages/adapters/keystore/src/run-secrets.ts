import { Secret, unwrap } from "@keygrove/base"
import type { Primitives } from "@keygrove/crypto"
import {
  decodeEpoch,
  epochKeys,
  type Epoch,
  type EpochSecrets,
  type NodePlace,
  type ReadingSecrets,
  type VaultSecrets,
} from "@keygrove/hierarchy"
import { UnlockedNode, type NodeState, type PredecessorEpochs } from "./node-secrets.ts"
import type { RunRecord } from "./run-record.ts"

const SECRET_BYTES = 32
/** Epochs whose reading secrets are sealed as one part: 4,096 bytes, a slot of locked memory. */
const EPOCHS_A_PART = 32

/** What a run record opens to. Both belong to the caller. */
export interface OpenedRun {
  readonly node: UnlockedNode
  readonly vaultSecrets: VaultSecrets
}

/** The secrets of a state in the parts that are sealed one by one: what is current, what is next, and the vault's; then epochs that are over. Each part is wiped when the next is asked for. */
export function* runSecretParts({ earlier, next, predecessors, secrets }: NodeState, vault: VaultSecrets): Generator<Secret> {
  const current = [...epochSecrets(secrets), ...(next === undefined ? [] : epochSecrets(next.secrets)), ...vaultSecrets(vault)]
  yield* joined(current)
  const over = [...earlier, ...predecessors.flatMap(({ epochs }) => epochs)]
  for (let at = 0; at < over.length; at += EPOCHS_A_PART) yield* joined(over.slice(at, at + EPOCHS_A_PART).flatMap(readingSecrets))
}

/**
 * The node of a record and its vault.
 * @param parts as {@link runSecretParts} gave them; each is read before the next is asked for, and stays the caller's.
 * @throws RangeError when they are not of the lengths that the record says.
 */
export function openRunSecrets(primitives: Primitives, record: RunRecord, parts: Iterator<Secret>): OpenedRun {
  using partial = new DisposableStack()
  const reader = new SecretReader(parts, partial)
  const secrets = reader.epoch(record.epoch)
  const next = record.entry === undefined ? undefined : reader.epoch(unwrap(decodeEpoch(record.epoch + 1)))
  const vault = reader.vault()
  const earlier = epochsBefore(record.epoch, record.held).map((epoch) => reader.reading(epoch))
  const predecessors = record.predecessors.map(({ held, ...place }): PredecessorEpochs => {
    return { place, epochs: epochsBefore(place.epoch + 1, held).map((epoch) => reader.reading(epoch)) }
  })
  reader.end()
  const { anchorKey, cluster, entry, generation, path } = record
  const places = predecessors.map(({ place }): NodePlace => place)
  const identity = { cluster, path, generation, anchorKey, keys: epochKeys(primitives, secrets), predecessors: places }
  const node = new UnlockedNode(identity, secrets, { reading: earlier, predecessors })
  if (next !== undefined && entry !== undefined) node.prepare({ secrets: next, rekey: { keys: epochKeys(primitives, next), entry } })
  partial.move()
  return { node, vaultSecrets: vault }
}

/** Takes secrets of 32 bytes from parts, one after the other; the stack owns them until it is moved. */
class SecretReader {
  readonly #parts: Iterator<Secret>
  readonly #owner: DisposableStack
  #part: Secret | undefined
  #at = 0

  constructor(parts: Iterator<Secret>, owner: DisposableStack) {
    this.#parts = parts
    this.#owner = owner
  }

  epoch(epoch: Epoch): EpochSecrets {
    const [signing, delegation] = [this.#next(), this.#next()]
    const reading = this.reading(epoch)
    const all = [signing, delegation, reading]
    return { ...reading, signing, delegation, [Symbol.dispose]: () => disposeAll(all) }
  }

  reading(epoch: Epoch): ReadingSecrets {
    const secrets = { encryption: this.#next(), sealing: this.#next(), storage: this.#next(), labels: this.#next() }
    return { epoch, ...secrets, [Symbol.dispose]: () => disposeAll(Object.values(secrets)) }
  }

  vault(): VaultSecrets {
    const secrets = { sealing: this.#next(), authentication: this.#next(), derivation: this.#next() }
    return { ...secrets, [Symbol.dispose]: () => disposeAll(Object.values(secrets)) }
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#part?.length !== this.#at || this.#parts.next().done !== true)
      throw new RangeError("a run record has more secrets than it names")
  }

  #next(): Secret {
    if (this.#part === undefined || this.#at === this.#part.length) {
      const next = this.#parts.next()
      if (next.done === true) throw new RangeError("a run record has fewer secrets than it names")
      this.#part = next.value
      this.#at = 0
    }
    const start = this.#at
    this.#at += SECRET_BYTES
    return this.#owner.use(
      this.#part.expose((bytes) => Secret.fill(SECRET_BYTES, (target) => target.set(bytes.subarray(start, start + SECRET_BYTES)))),
    )
  }
}

function* joined(secrets: readonly Secret[]): Generator<Secret> {
  using part = Secret.fill(secrets.length * SECRET_BYTES, (target) => {
    for (const [index, secret] of secrets.entries()) secret.expose((bytes) => target.set(bytes, index * SECRET_BYTES))
  })
  yield part
}

function epochSecrets(secrets: EpochSecrets): readonly Secret[] {
  return [secrets.signing, secrets.delegation, ...readingSecrets(secrets)]
}

function readingSecrets({ encryption, labels, sealing, storage }: ReadingSecrets): readonly Secret[] {
  return [encryption, sealing, storage, labels]
}

function vaultSecrets({ authentication, derivation, sealing }: VaultSecrets): readonly Secret[] {
  return [sealing, authentication, derivation]
}

/** As many as are kept of the epochs before one, the newest first. */
function epochsBefore(epoch: number, count: number): readonly Epoch[] {
  return Array.from({ length: count }, (_, index) => unwrap(decodeEpoch(epoch - 1 - index)))
}

function disposeAll(all: readonly Disposable[]): void {
  for (const each of all) each[Symbol.dispose]()
}
