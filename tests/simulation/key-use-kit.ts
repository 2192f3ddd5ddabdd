import { Secret, unwrap, utf8 } from "@keygrove/base"
import { nativePrimitives } from "@keygrove/curves-native"
import { createSealing } from "@keygrove/hpke"
import {
  decodeEntry,
  draftEntry,
  encodeEntry,
  encodeKeyChainHead,
  decodeKeyChainHead,
  entrySignBytes,
  isOfKeyChain,
  keyChainHeadSignBytes,
  nextHead,
  emptyHead,
  encodeSnapshotHead,
  snapshotHeadSignBytes,
  verifyEntry,
  verifyKeyChain,
  verifySnapshotHead,
  type PolicyState,
} from "@keygrove/ledger"
import {
  admitReencrypt,
  decodeProxyAnswer,
  decodeProxyRequest,
  encodeProxyAnswer,
  encodeProxyRequest,
  meetingProof,
  meetingSignBytes,
  receiptSignBytes,
  requestSignBytes,
  verifyMeetingMessage,
  verifyReceipt,
} from "@keygrove/peering"
import { createUmbral, type Umbral } from "@keygrove/reencryption"
import type { FragmentAcceptance, Sealing } from "@keygrove/service"
import { systemRandom } from "@keygrove/system"
import type { Grove, SealedFile } from "./grove.ts"
import { call, type Member } from "./member.ts"

/** Who takes part, what was shared, and what the proxy keeps of it. */
export interface KeyUseCast {
  readonly grove: Grove
  readonly owner: Member
  readonly reader: Member
  readonly proxy: Member
  readonly otherProxy: Member
  readonly stranger: Member
  readonly file: SealedFile
  readonly policy: PolicyState
}

/** A message as it is on its way, who believes it, and the same message in the name of its sender, but signed by a stranger. */
export interface SignedMessage {
  readonly bytes: Uint8Array
  readonly forged: Uint8Array
  isBelieved(bytes: Uint8Array): boolean | Promise<boolean>
}

const { curve, sha256 } = nativePrimitives
const sealing: Sealing = createSealing({ x25519: nativePrimitives.x25519, random: systemRandom })
const umbral: Umbral = createUmbral({ curve, sha256, random: systemRandom })
const message = async (signer: Member, bytes: Uint8Array): Promise<Uint8Array> =>
  unwrap(await signer.context.keystore.sign("message", bytes, call))

/** A statement on the ledger, by its author. */
export async function statement({ owner, policy, stranger }: KeyUseCast): Promise<SignedMessage> {
  const { cluster, path } = owner.identity
  const draft = draftEntry({ kind: "policy-revoked", body: { policyId: policy.grant.policyId } }, { cluster, path, key: owner.key })
  const signedBy = async ({ context }: Member): Promise<Uint8Array> =>
    encodeEntry({ ...draft, signature: unwrap(await context.keystore.sign("statement", entrySignBytes(draft), call)) })
  return { bytes: await signedBy(owner), forged: await signedBy(stranger), isBelieved: (bytes) => verifyEntry(nativePrimitives, bytes).ok }
}

/** A reader's request for re-encryption. */
export async function request({ file, policy, proxy, reader, stranger }: KeyUseCast): Promise<SignedMessage> {
  const { clock, random, replica } = proxy.context
  const unsigned = { policyId: policy.grant.policyId, capsules: [file.header.capsule], issuedAt: clock.now(), nonce: random(16) }
  const toSign = requestSignBytes(nativePrimitives, unsigned, proxy.key)
  const signedBy = async (signer: Member): Promise<Uint8Array> =>
    encodeProxyRequest({ op: "reencrypt", ...unsigned, signature: await message(signer, toSign) })
  const isBelieved = (bytes: Uint8Array): boolean => {
    const decoded = decodeProxyRequest(bytes)
    const view = { state: replica.state, now: clock.now(), selfKey: proxy.key }
    return decoded.ok && decoded.value.op === "reencrypt" && admitReencrypt(nativePrimitives, view, decoded.value).ok
  }
  return { bytes: await signedBy(reader), forged: await signedBy(stranger), isBelieved }
}

/** A proxy's word that it keeps a fragment. */
export async function receipt({ policy, proxy, stranger }: KeyUseCast): Promise<SignedMessage> {
  const { policyId, proxies } = policy.grant
  const fragmentDigest = proxies[0]?.fragmentDigest ?? new Uint8Array(32)
  const unsigned = { action: "stored", policyId, fragmentDigest, issuedAt: proxy.context.clock.now() } as const
  const signedBy = async (signer: Member): Promise<Uint8Array> =>
    encodeProxyAnswer({ kind: "receipt", ...unsigned, signature: await message(signer, receiptSignBytes(unsigned, proxy.key)) })
  const isBelieved = (bytes: Uint8Array): boolean => {
    const decoded = decodeProxyAnswer(bytes)
    const expected = { action: "stored", policyId, fragmentDigest, proxyKey: proxy.key } as const
    return decoded.ok && decoded.value.kind === "receipt" && verifyReceipt(nativePrimitives, decoded.value, expected).ok
  }
  return { bytes: await signedBy(proxy), forged: await signedBy(stranger), isBelieved }
}

/** A fragment on its way from the owner to a proxy. */
export async function fragment(cast: KeyUseCast): Promise<SignedMessage> {
  const { owner, proxy, stranger } = cast
  const own = await fragmentFor(cast, owner, proxy)
  return {
    bytes: own,
    forged: await fragmentFor(cast, stranger, proxy),
    isBelieved: async (bytes) => await accepts(cast, proxy, bytes),
  }
}

/** What a proxy answers, one capsule fragment. */
export async function capsuleFragment(cast: KeyUseCast): Promise<SignedMessage> {
  const { file, owner, policy, proxy, reader, stranger } = cast
  const { grant } = policy
  const [delegatingKey, verifyingKey, receivingKey] = [grant.labelKey, grant.delegationKey, reader.identity.keys.encryptionKey].map((key) =>
    unwrap(curve.decodePoint(key)),
  )
  if (delegatingKey === undefined || verifyingKey === undefined || receivingKey === undefined) throw new TypeError("three keys")
  const capsule = unwrap(umbral.decodeCapsule(file.header.capsule))
  const madeBy = async (from: Member): Promise<Uint8Array> => {
    const sealed = await fragmentFor(cast, from, proxy)
    const labelKey = unwrap(await from.context.keystore.labelPublicKey({ label: "photos", epoch: policy.grant.epoch }, call))
    const acceptance = { ...acceptanceOf(cast, from, sealed), labelKey }
    const { stored } = unwrap(await proxy.context.keystore.acceptFragment(acceptance, call))
    return unwrap(await proxy.context.keystore.reencrypt({ policyId: policy.grant.policyId, stored, capsule: file.header.capsule }, call))
  }
  const isBelieved = (bytes: Uint8Array): boolean => {
    const decoded = umbral.decodeCapsuleFragment(bytes)
    return decoded.ok && umbral.verifyCapsuleFragment(capsule, decoded.value, { delegatingKey, verifyingKey, receivingKey }).ok
  }
  return { bytes: await madeBy(owner), forged: await madeBy(stranger), isBelieved }
}

/** The end of a cluster's key chain, as a node signs it for others. */
export async function keyChainHead({ grove, owner, stranger }: KeyUseCast): Promise<SignedMessage> {
  const { cluster, path } = owner.identity
  const entries = await keyChainOf(grove, owner)
  const end = entries.reduce((head, entry) => nextHead(nativePrimitives, head, entry), emptyHead())
  const unsigned = { ...end, author: { cluster, path, key: owner.key } }
  const signedBy = async (signer: Member): Promise<Uint8Array> =>
    encodeKeyChainHead({ ...unsigned, signature: await message(signer, keyChainHeadSignBytes(unsigned)) })
  const isBelieved = (bytes: Uint8Array): boolean => {
    const head = decodeKeyChainHead(bytes)
    return head.ok && chainUnder(rootOf(entries), entries, bytes).ok
  }
  return { bytes: await signedBy(owner), forged: await signedBy(stranger), isBelieved }
}

/** A snapshot of the ledger, by its head, which names all of its parts. */
export async function snapshotHead({ owner, stranger }: KeyUseCast): Promise<SignedMessage> {
  const { cluster, path } = owner.identity
  const unsigned = {
    ...owner.context.replica.head,
    chunks: 1,
    digest: new Uint8Array(32).fill(1),
    author: { cluster, path, key: owner.key },
  }
  const signedBy = async (signer: Member): Promise<Uint8Array> =>
    encodeSnapshotHead({ ...unsigned, signature: await message(signer, snapshotHeadSignBytes(unsigned)) })
  return {
    bytes: await signedBy(owner),
    forged: await signedBy(stranger),
    isBelieved: (bytes) => verifySnapshotHead(nativePrimitives, bytes).ok,
  }
}

/** What nodes say to one another while their people meet. */
export async function meetingMessage({ owner, reader, stranger }: KeyUseCast): Promise<SignedMessage> {
  const parties = { meeting: new Uint8Array(16).fill(1), role: "shows", from: owner.key, to: reader.key } as const
  const body = utf8("the words that both people compare")
  const signedBy = async (signer: Member): Promise<Uint8Array> =>
    Uint8Array.of(...body, ...(await message(signer, meetingSignBytes({ ...parties, body }))))
  const isBelieved = (bytes: Uint8Array): boolean => {
    using key = Secret.take(new Uint8Array(32).fill(7))
    const [said, signature] = [bytes.subarray(0, body.length), bytes.subarray(body.length)]
    const proof = meetingProof(nativePrimitives, key, { ...parties, body: said })
    return verifyMeetingMessage(nativePrimitives, key, parties, { meeting: parties.meeting, body: said, proof, signature }).ok
  }
  return { bytes: await signedBy(owner), forged: await signedBy(stranger), isBelieved }
}

/** A fragment of the cast's label that `from` made for a proxy, sealed to it. */
export async function fragmentFor({ policy, reader }: KeyUseCast, from: Member, to: Member): Promise<Uint8Array> {
  const { epoch, policyId } = policy.grant
  const { sealingKey, signingKey } = to.identity.keys
  const readerKey = reader.identity.keys.encryptionKey
  const order = { label: "photos", epoch, policyId, readerKey, threshold: 1, recipients: [{ sealingKey, signingKey }] }
  const [made] = unwrap(await from.context.keystore.generateFragments(order, call))
  if (made === undefined) throw new TypeError("one fragment for one recipient")
  return made.sealed
}

/** Whether a proxy takes a fragment as one of the owner's. */
export async function accepts(cast: KeyUseCast, proxy: Member, sealed: Uint8Array): Promise<boolean> {
  return (await proxy.context.keystore.acceptFragment(acceptanceOf(cast, cast.owner, sealed), call)).ok
}

/** Opens what a keystore hands out with the one key that it was sealed to. */
export async function opensReleased(file: SealedFile, secretKey: Secret, sealedKey: Uint8Array): Promise<boolean> {
  const opened = await sealing.open(secretKey, sealedKey, { info: utf8("keygrove/v1/file-key-release") })
  if (!opened.ok) return false
  using key = opened.value
  return key.equals(file.fileKey)
}

/** A key pair of whoever asks a keystore for a file's key; the secret is the caller's. */
export async function callerKeys(): ReturnType<typeof sealing.generateKeyPair> {
  return await sealing.generateKeyPair()
}

/** The entries of a member's cluster that say who its nodes are, as everybody reads them. */
export async function keyChainOf({ engine }: Grove, { identity }: Member): Promise<readonly Uint8Array[]> {
  const { length } = await engine.head(call)
  const { entries } = unwrap(await engine.read(emptyHead().length, length, call))
  return entries.filter((bytes) => {
    const entry = unwrap(decodeEntry(bytes))
    return entry.author.cluster === identity.cluster && isOfKeyChain(entry)
  })
}

/** A chain as it is believed by whoever knows this root. */
export function chainUnder(root: Uint8Array, entries: readonly Uint8Array[], head: Uint8Array): ReturnType<typeof verifyKeyChain> {
  return verifyKeyChain(nativePrimitives, root, { entries, head: unwrap(decodeKeyChainHead(head)) })
}

/** The anchor of the root that announced a chain: what people exchange when they meet. */
export function rootOf([first = new Uint8Array(0)]: readonly Uint8Array[]): Uint8Array {
  return unwrap(decodeEntry(first)).author.key
}

function acceptanceOf({ policy, reader }: KeyUseCast, from: Member, sealed: Uint8Array): FragmentAcceptance {
  const { labelKey, policyId } = policy.grant
  const { delegationKey } = from.identity.keys
  return { policyId, sealed, ownerSigningKey: from.key, delegationKey, labelKey, readerKey: reader.identity.keys.encryptionKey }
}
