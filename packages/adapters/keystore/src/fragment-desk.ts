import { setImmediate } from "node:timers/promises"
import { ok, refuse, wipeableCopy, type Refusal, type Result, type Secret } from "@keygrove/base"
import {
  decodeSealedMessage,
  encodeSealedMessage,
  sealedMessageInfo,
  sealedMessageRecipient,
  sealedMessageSigningInput,
  type Point,
  type SealedMessageContext,
} from "@keygrove/crypto"
import type { KeyFragment, Umbral, VerifiedKeyFragment } from "@keygrove/reencryption"
import type {
  FragmentAcceptance,
  FragmentOrder,
  FragmentRecipient,
  Keystore,
  KeystoreRefusal,
  ReencryptedOpening,
  ReencryptionOrder,
  SealedFragment,
} from "@keygrove/service"
import { combineCapsuleFragments } from "./capsule-fragments.ts"
import type { KeystoreTools } from "./engine.ts"
import type { NodeEpochs } from "./node-epochs.ts"
import type { UnlockedNode } from "./node-secrets.ts"
import { StorageVault } from "./storage-vault.ts"

/** Shares of one policy, as the ledger limits them too. */
const MAX_RECIPIENTS = 30
const POLICY_ID_BYTES = 32

type Acceptance = Awaited<ReturnType<Keystore["acceptFragment"]>>

/** What the keystore does with fragments of policies: as owner, as proxy and as reader. Borrows the node's secrets. */
export class FragmentDesk implements Disposable {
  readonly #tools: KeystoreTools
  readonly #umbral: Umbral
  readonly #node: UnlockedNode
  readonly #epochs: NodeEpochs
  readonly #vault: StorageVault

  constructor(tools: KeystoreTools, umbral: Umbral, { epochs, node }: { readonly node: UnlockedNode; readonly epochs: NodeEpochs }) {
    this.#tools = tools
    this.#umbral = umbral
    this.#node = node
    this.#epochs = epochs
    this.#vault = new StorageVault(tools, "keygrove/v1/stored-fragment", () => epochs.all.map(({ storage }) => storage))
  }

  /** As owner: one fragment for each recipient, sealed and signed. Borrows `labelKey`. */
  async generate(order: FragmentOrder, labelKey: Secret): Promise<Result<readonly SealedFragment[], KeystoreRefusal>> {
    const { policyId, readerKey, recipients, threshold } = order
    if (policyId.length !== POLICY_ID_BYTES) return invalid(`policy id has ${policyId.length} bytes; expected ${POLICY_ID_BYTES}`)
    if (recipients.length > MAX_RECIPIENTS) return invalid(`${recipients.length} recipients; at most ${MAX_RECIPIENTS} are possible`)
    const receivingKey = this.#tools.primitives.curve.decodePoint(readerKey)
    if (!receivingKey.ok) return invalid(`the reader's key: ${receivingKey.message}`)
    const begun = this.#umbral.beginFragments({
      delegatingKey: labelKey,
      receivingKey: receivingKey.value,
      signingKey: this.#node.secrets.delegation,
      threshold,
      shares: recipients.length,
    })
    if (!begun.ok) return invalid(begun.message)
    using series = begun.value
    const sealed: SealedFragment[] = []
    for (const recipient of recipients) {
      // All at once would take tens of milliseconds, in which nobody else is answered.
      await setImmediate()
      using fragment = series.next()
      if (fragment === undefined) throw new RangeError("there is a fragment for each recipient")
      const each = await this.#sealTo(recipient, policyId, fragment)
      if (!each.ok) return each
      sealed.push(each.value)
    }
    return ok(sealed)
  }

  /** As proxy: opens a fragment, checks it against its policy and seals it again under the storage key. */
  async accept(acceptance: FragmentAcceptance): Promise<Acceptance> {
    const { primitives, sealing } = this.#tools
    const { recipient, sealing: secret } = this.#recipientOf(acceptance.sealed)
    const parties = this.#parties(acceptance.policyId, acceptance.ownerSigningKey, recipient)
    const body = decodeSealedMessage(primitives.ed25519, acceptance.sealed, parties)
    if (!body.ok) return body
    const opened = await sealing.open(secret, body.value, { info: sealedMessageInfo(parties) })
    if (!opened.ok) return refuse("SEALED_MESSAGE_INVALID", opened.message)
    using bytes = opened.value
    const decoded = bytes.expose((fragment) => this.#umbral.decodeFragment(fragment))
    if (!decoded.ok) return refuse("FRAGMENT_INVALID", decoded.message)
    using fragment = decoded.value
    const refusal = this.#refusalOf(fragment, acceptance)
    if (refusal !== undefined) return refusal
    const digest = bytes.expose((all) => primitives.sha256(all))
    return ok({ stored: this.#vault.seal([acceptance.policyId], bytes), digest })
  }

  /** As proxy: one capsule fragment, 381 bytes. */
  reencrypt({ policyId, stored, capsule }: ReencryptionOrder): Result<Uint8Array, KeystoreRefusal> {
    const checked = this.#umbral.decodeCapsule(capsule)
    if (!checked.ok) return refuse("CAPSULE_INVALID", checked.message)
    using bytes = this.#vault.open([policyId], stored)
    if (bytes === undefined) return refuse("FRAGMENT_INVALID", "the stored fragment was changed or belongs to another policy or node")
    const decoded = bytes.expose((fragment) => this.#umbral.decodeFragment(fragment))
    if (!decoded.ok) return refuse("FRAGMENT_INVALID", decoded.message)
    using fragment = decoded.value
    // It was verified before it was sealed under the storage key, and nobody else can seal under it.
    return ok(this.#umbral.encodeCapsuleFragment(this.#umbral.reencrypt(checked.value, fragment as VerifiedKeyFragment)))
  }

  /** As reader: verifies and combines; the key seed belongs to the caller. */
  combine(opening: ReencryptedOpening): Result<Secret, KeystoreRefusal> {
    const reader = this.#epochs.withKey(opening.readerKey)
    if (reader === undefined) return invalid("the policy is for a reader whose key is none of this node's")
    return combineCapsuleFragments(this.#tools, opening, reader.encryption)
  }

  [Symbol.dispose](): void {
    this.#vault[Symbol.dispose]()
  }

  /** Which of this node's sealing keys a message is for: one under way while the node rekeyed names the earlier. */
  #recipientOf(sealed: Uint8Array): { readonly recipient: Uint8Array; readonly sealing: Secret } {
    const named = sealedMessageRecipient(sealed)
    const secrets = named?.length === 32 ? this.#epochs.withKey(named) : undefined
    if (named !== undefined && secrets !== undefined) return { recipient: named, sealing: secrets.sealing }
    return { recipient: this.#node.identity.keys.sealingKey, sealing: this.#node.secrets.sealing }
  }

  async #sealTo(
    recipient: FragmentRecipient,
    policyId: Uint8Array,
    fragment: KeyFragment,
  ): Promise<Result<SealedFragment, KeystoreRefusal>> {
    const { primitives, sealing } = this.#tools
    const parties = this.#parties(policyId, this.#node.identity.keys.signingKey, recipient.sealingKey)
    using encoded = this.#umbral.encodeFragment(fragment)
    const digest = encoded.expose((bytes) => primitives.sha256(bytes))
    const plaintext = wipeableCopy(encoded)
    try {
      const body = await sealing.seal(recipient.sealingKey, plaintext, { info: sealedMessageInfo(parties) })
      if (!body.ok) return invalid(body.message)
      const signature = primitives.ed25519.sign(this.#node.secrets.signing, sealedMessageSigningInput(parties, body.value))
      return ok({ sealed: encodeSealedMessage(parties, body.value, signature), digest })
    } finally {
      plaintext.fill(0)
    }
  }

  #refusalOf(fragment: KeyFragment, acceptance: FragmentAcceptance): Refusal<KeystoreRefusal> | undefined {
    const points = [acceptance.delegationKey, acceptance.labelKey, acceptance.readerKey].map((key) =>
      this.#tools.primitives.curve.decodePoint(key),
    )
    const [verifyingKey, delegatingKey, receivingKey] = points.map((point): Point | undefined => (point.ok ? point.value : undefined))
    if (verifyingKey === undefined || delegatingKey === undefined || receivingKey === undefined)
      return refuse("FRAGMENT_INVALID", "the keys of the policy are not points")
    if (!fragment.proof.delegatingKeySigned || !fragment.proof.receivingKeySigned)
      return refuse("FRAGMENT_INVALID", "the fragment's signature does not cover both keys")
    const verified = this.#umbral.verifyFragment(fragment, { verifyingKey, delegatingKey, receivingKey })
    return verified.ok ? undefined : refuse("FRAGMENT_INVALID", verified.message)
  }

  #parties(policyId: Uint8Array, sender: Uint8Array, recipient: Uint8Array): SealedMessageContext {
    return { context: ["keygrove/v1/fragment", policyId], sender, recipient }
  }
}

function invalid(message: string): Refusal<"KEYSTORE_REQUEST_INVALID"> {
  return refuse("KEYSTORE_REQUEST_INVALID", message)
}
