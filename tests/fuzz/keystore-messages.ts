import type { CborValue } from "@keygrove/base"

/** Parameters and a value that each method of the keystore takes and gives: what is changed a little to try the decoders. */
export interface MethodSample {
  readonly params: Readonly<Record<string, CborValue>>
  readonly value: CborValue
}

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const id = "web/tls"
const caller = "uid:1000"
const entry = {
  id,
  type: "ed25519",
  source: "generated",
  exportable: false,
  rules: { allow: [{ caller: "*", operations: ["sign", "verify"] }], perMinute: 60, confirm: true },
  versions: [
    { version: 1, state: "disabled", createdAt: 1_800_000_000_000, publicKey: bytes(32) },
    { version: 2, state: "enabled", createdAt: 1_800_000_000_001, publicKey: bytes(32) },
  ],
}
const event = { at: 1_800_000_000_000, caller, key: id, action: "sign", outcome: "KEY_DISABLED" }
/** A point of secp256k1: the generator. */
const point = Uint8Array.from(Buffer.from("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "hex"))

export const entrySample: CborValue = entry
export const eventSample: Readonly<Record<string, CborValue>> = event
const keys = { epoch: 1, signingKey: bytes(32), encryptionKey: bytes(33), sealingKey: bytes(32), delegationKey: bytes(33) }
const pendingRekey = { keys, entry: bytes(500) }
const predecessor = { cluster: bytes(32), path: "/laptop/phone", generation: 1, epoch: 3 }
export const identitySample: CborValue = {
  cluster: bytes(32),
  path: "/laptop/phone",
  generation: 1,
  anchorKey: bytes(32),
  keys,
  predecessors: [predecessor],
}
/** What an unlocked keystore greets with. */
export const greetingSample: CborValue = { identity: identitySample, pendingRekey }

const commitments = [point, point]
const sharing = { cluster: bytes(32), owner: "/laptop", generation: 4, commitments }
const storedPiece = { sharing, index: 3, stored: bytes(72) }
const recipients = [2, 3].map((index) => ({ index, sealingKey: bytes(32) }))
const sealedPieces = [2, 3].map((index) => ({ index, sealed: bytes(400) }))
const bootKeys = { signingKey: bytes(32), sealingKey: bytes(32), encryptionKey: point }
const slots = [{ generation: 4, publicKey: point }]

const card = { owner: { cluster: bytes(32), path: "/server" }, label: "start/laptop", epoch: 2, labelKey: point }
const delegatedStart = { ...card, capsule: bytes(105) }

/** What a locked keystore greets with. */
export const lockedGreetingSample: CborValue = {
  node: { cluster: bytes(32), path: "/laptop" },
  bootKeys,
  freshSealingKey: bytes(32),
  slots,
  delegatedStart,
}

/** Parameters and values of what a locked keystore takes and gives. */
export const lockedSamples: Readonly<Record<"boot.sign" | "unlock" | "unlock.delegated", MethodSample>> = {
  "boot.sign": { params: { purpose: "message", message: bytes(80) }, value: bytes(64) },
  unlock: {
    params: { sharing, request: bytes(32), pieces: [2, 3].map((index) => ({ index, holderSigningKey: bytes(32), sealed: bytes(400) })) },
    value: { liars: [3] },
  },
  "unlock.delegated": { params: { capsuleFragments: [bytes(381), bytes(381)], delegationKey: point }, value: true },
}

const register = { caller, id, type: "ed25519", exportable: false, rules: entry.rules }

export const methodSamples: Readonly<Record<string, MethodSample>> = {
  sign: { params: { purpose: "statement", message: bytes(80) }, value: bytes(64) },
  labelPublicKey: { params: { label: "photos/2026", epoch: 1, cluster: bytes(32) }, value: point },
  openOriginal: {
    params: { label: "photos", epoch: 1, capsule: bytes(105), headerDigest: bytes(32), recipientKey: bytes(32) },
    value: bytes(80),
  },
  generateFragments: {
    params: {
      label: "photos",
      epoch: 1,
      policyId: bytes(32),
      readerKey: bytes(33),
      threshold: 1,
      recipients: [
        { signingKey: bytes(32), sealingKey: bytes(32) },
        { signingKey: bytes(32), sealingKey: bytes(32) },
      ],
    },
    value: [{ sealed: bytes(400), digest: bytes(32) }],
  },
  acceptFragment: {
    params: {
      policyId: bytes(32),
      sealed: bytes(400),
      ownerSigningKey: bytes(32),
      delegationKey: bytes(33),
      labelKey: bytes(33),
      readerKey: bytes(33),
    },
    value: { stored: bytes(350), digest: bytes(32) },
  },
  reencrypt: { params: { policyId: bytes(32), stored: bytes(350), capsule: bytes(105) }, value: bytes(381) },
  openReencrypted: {
    params: {
      capsule: bytes(105),
      capsuleFragments: [bytes(381), bytes(381)],
      labelKey: bytes(33),
      delegationKey: bytes(33),
      readerKey: bytes(33),
      headerDigest: bytes(32),
      recipientKey: bytes(32),
    },
    value: bytes(80),
  },
  beginRekey: { params: {}, value: { exchangeKey: bytes(32), signature: bytes(64) } },
  acceptRekey: { params: { entry: bytes(500), sealed: bytes(400) }, value: pendingRekey },
  finishRekey: { params: {}, value: identitySample },
  lock: { params: {}, value: true },
  "pieces.bootKeys": { params: {}, value: bootKeys },
  "pieces.slots": { params: {}, value: slots },
  "pieces.share": { params: { generation: 4, threshold: 2, recipients }, value: { commitments, pieces: sealedPieces } },
  "pieces.keepSlots": { params: { publicKeys: [point] }, value: true },
  "pieces.accept": { params: { sharing, index: 3, ownerSigningKey: bytes(32), sealed: bytes(400) }, value: bytes(72) },
  "pieces.return": { params: { ...storedPiece, request: bytes(32), ownerSealingKey: bytes(32) }, value: bytes(400) },
  "pieces.prove": { params: { ...storedPiece, challenge: bytes(32) }, value: bytes(65) },
  "pieces.subshare": { params: { ...storedPiece, to: 5, threshold: 2, recipients }, value: { commitments, subpieces: sealedPieces } },
  "start.delegate": { params: card, value: delegatedStart },
  "start.delegated": { params: {}, value: { found: delegatedStart } },
  "start.end": { params: {}, value: true },
  "pieces.combine": {
    params: {
      from: sharing,
      to: 5,
      threshold: 2,
      index: 3,
      contributions: [2, 4].map((index) => ({ index, signingKey: bytes(32), commitments, sealed: bytes(400) })),
    },
    value: { stored: bytes(72), commitments },
  },
  "keys.register": { params: { ...register, source: { kind: "import", sealed: bytes(80) } }, value: { entry, created: true } },
  "keys.list": { params: { caller, after: id, limit: 500 }, value: [entry, { ...entry, id: "a" }] },
  "keys.find": { params: { caller, id }, value: entry },
  "keys.rotate": { params: { caller, id }, value: entry },
  "keys.setRules": { params: { caller, id, rules: entry.rules }, value: entry },
  "keys.setState": { params: { caller, id, state: "disabled", version: 2 }, value: entry },
  "keys.sign": {
    params: { caller, id, message: bytes(40), algorithm: "ed25519" },
    value: { signature: bytes(64), algorithm: "ed25519", version: 2 },
  },
  "keys.verify": { params: { caller, id, message: bytes(40), signature: bytes(64) }, value: { version: 0 } },
  "keys.agree": { params: { caller, id, peer: bytes(33) }, value: bytes(32) },
  "keys.encrypt": { params: { caller, id, plaintext: bytes(40), context: bytes(8) }, value: bytes(93) },
  "keys.decrypt": { params: { caller, id, ciphertext: bytes(93), context: bytes(8) }, value: bytes(40) },
  "keys.mac": { params: { caller, id, message: bytes(40), version: 1 }, value: bytes(32) },
  "keys.derive": { params: { caller, id, child: "web/tls/a", type: "aes256" }, value: entry },
  "keys.operate": { params: { caller, id, operator: "totp", input: bytes(8) }, value: 123_456 },
  "keys.operators": {
    params: { caller },
    value: [{ name: "totp", output: { kind: "integer", max: 999_999 }, types: ["aes256"], keys: ["*"] }],
  },
  "keys.export": { params: { caller, id, recipientKey: bytes(32) }, value: bytes(80) },
  "keys.audit": { params: { caller, from: 0, limit: 1_000 }, value: [event, event] },
  "keys.verifyAudit": { params: { caller }, value: { length: 9, hash: bytes(32) } },
}
