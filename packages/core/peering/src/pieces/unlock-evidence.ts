import { decodeTpmAttestationKey, verifyTpmQuote, type TpmMeasurement, type TpmQuoteRefusal } from "@keygrove/attestation"
import { equalBytes, ok, refuse, toHex, type Refusal, type Result } from "@keygrove/base"
import type { Primitives, VerifyDeviceSignature } from "@keygrove/crypto"
import type { ClusterId } from "@keygrove/hierarchy"
import { unlockEvidenceBytes, type CustodyMember, type EvidenceDemand } from "@keygrove/pieces"
import type { CarriedEvidence } from "./piece-requests.ts"

export type EvidenceRefusal = "EVIDENCE_INVALID" | "EVIDENCE_STALE" | "EVIDENCE_KEY_WRONG" | "EVIDENCE_MEASUREMENT_WRONG"

/** The unlocking that evidence is about. */
export interface EvidencedUnlock {
  readonly cluster: ClusterId
  readonly owner: Pick<CustodyMember, "path" | "bootSigningKey">
  /** Of the owner, by the ledger. */
  readonly demand: EvidenceDemand
  /** Names the unlocking, 32 bytes. */
  readonly request: Uint8Array
}

interface EvidenceTools {
  readonly primitives: Pick<Primitives, "sha256">
  readonly verifyDeviceSignature: VerifyDeviceSignature
}

/** What a person does about evidence that is refused. */
const REMEDY = "unlock it with its passphrase, then `keygrove pieces join --evidence tpm2` there"

/**
 * Whether a machine showed what the ledger asks for: a quote by the TPM of the ledger, about this unlocking, these nonces and this sealing key, of the registers and one of the states that the owner named. That one of
 * the nonces is the holder's own, unused and recent, is for who gave it to judge.
 */
export function judgeEvidence(
  { primitives, verifyDeviceSignature }: EvidenceTools,
  { cluster, demand, owner, request }: EvidencedUnlock,
  { attest, nonces, sealingKey, signature }: CarriedEvidence,
): Result<true, EvidenceRefusal> {
  const { path } = owner
  const attestationKey = decodeTpmAttestationKey(demand.attestationKey)
  if (!attestationKey.ok)
    return refuse(
      "EVIDENCE_KEY_WRONG",
      `the ledger names no attestation key of ${path} that can be read (${attestationKey.code}); ${REMEDY}`,
    )
  const about = { cluster, owner: path, bootSigningKey: owner.bootSigningKey, request }
  const qualifyingData = primitives.sha256(unlockEvidenceBytes(about, { nonces, sealingKey }))
  const quoted = verifyTpmQuote(verifyDeviceSignature, { attest, signature }, { attestationKey: attestationKey.value, qualifyingData })
  return quoted.ok ? judgeMeasurement(path, demand, quoted.value) : untrusted(path, quoted)
}

function untrusted(path: string, { code, message }: Refusal<TpmQuoteRefusal>): Refusal<EvidenceRefusal> {
  switch (code) {
    case "TPM_SIGNATURE_WRONG":
    case "TPM_SIGNATURE_ALGORITHM":
      return refuse(
        "EVIDENCE_KEY_WRONG",
        `the evidence is not signed by the TPM that ${path} had when it joined: another machine, or its TPM was cleared; ${REMEDY}`,
      )
    case "TPM_QUOTE_NONCE":
      return refuse("EVIDENCE_STALE", `the evidence is about another request than this one of ${path}; it is made anew in the next round`)
    default:
      return refuse("EVIDENCE_INVALID", `the evidence of ${path} is no quote that is accepted (${code}: ${message}); ${REMEDY}`)
  }
}

function judgeMeasurement(
  path: string,
  { digests, pcrs }: EvidenceDemand,
  { pcrDigest, pcrs: quoted }: Pick<TpmMeasurement, "pcrs" | "pcrDigest">,
): Result<true, EvidenceRefusal> {
  const [observed, expected] = [quoted.join(","), pcrs.join(",")]
  if (observed !== expected)
    return refuse(
      "EVIDENCE_MEASUREMENT_WRONG",
      `the evidence covers the registers ${observed} of ${path}; expected ${expected}; ${REMEDY}`,
      { observed, expected },
    )
  if (digests.some((digest) => equalBytes(digest, pcrDigest))) return ok(true)
  const accepted = digests.map(toHex).join(" or ")
  return refuse(
    "EVIDENCE_MEASUREMENT_WRONG",
    `${path} booted something else: its registers ${observed} give ${toHex(pcrDigest)}; expected ${accepted}; if that is meant, ${REMEDY}`,
    { observed: toHex(pcrDigest), expected: accepted },
  )
}
