import { decodeTpmAttestationKey, verifyTpmQuote, type TpmMeasurement } from "@keygrove/attestation"
import { equalBytes, ok, refuse, toHex, type Result } from "@keygrove/base"
import { judgeEvidence } from "@keygrove/peering"
import { MAX_ACCEPTED_DIGESTS, unlockEvidenceBytes, type CustodyMember, type EvidenceDemand } from "@keygrove/pieces"
import type { CallOptions } from "../ports/call-options.ts"
import type { PiecesContext } from "./pieces-context.ts"

/** Firmware, what it loads, the boot loader, and which of them the machine takes for genuine (TCG PC Client Platform Firmware Profile, §2.3.4). */
export const DEFAULT_PCRS: readonly number[] = [0, 2, 4, 7]

/** What an owner wants its holders to ask of its machine. */
export interface EvidenceOrder {
  /** Registers, ascending; those of before, or {@link DEFAULT_PCRS}, unless given. */
  readonly pcrs?: readonly number[]
  /** Digests of states that are accepted besides the one of now, 3 at most; those of before, of the same registers, unless given. */
  readonly accepted?: readonly Uint8Array[]
}

type EvidenceContext = Pick<PiecesContext, "attester" | "primitives" | "random" | "verifyDeviceSignature">

/**
 * A demand for evidence that this machine meets now: its TPM is enrolled and quotes itself once, and what was verified of that is what holders will expect. Refuses as the attester and the
 * verifier do, and `EVIDENCE_STATES_MANY`.
 */
export async function demandEvidence(
  context: EvidenceContext,
  { accepted, pcrs }: EvidenceOrder,
  before: EvidenceDemand | undefined,
  options: CallOptions,
): Promise<Result<EvidenceDemand>> {
  const registers = pcrs ?? before?.pcrs ?? DEFAULT_PCRS
  const isSame = before !== undefined && before.pcrs.join() === registers.join()
  const others = accepted ?? (isSame ? before.digests.slice(1) : [])
  const enrolled = await context.attester.enrol(options)
  if (!enrolled.ok) return enrolled
  const attestationKey = enrolled.value.publicArea
  const measured = await tryQuote(context, { attestationKey, pcrs: registers }, options)
  if (!measured.ok) return measured
  const now = measured.value.pcrDigest
  const digests = [now, ...others].filter((digest, at, all) => all.findIndex((other) => equalBytes(other, digest)) === at)
  if (digests.length > MAX_ACCEPTED_DIGESTS)
    return refuse(
      "EVIDENCE_STATES_MANY",
      `${digests.length} states of the machine would be accepted, that of now (${toHex(now)}) among them; ${MAX_ACCEPTED_DIGESTS} are the most`,
    )
  return ok({ family: "tpm2", attestationKey, pcrs: registers, digests })
}

/** Whether this machine shows now what the ledger asks of a member, which is this node, as its holders would judge it: refuses as they and the attester do. Nothing is asked of a member without a demand. */
export async function showsEvidence(
  context: EvidenceContext & Pick<PiecesContext, "keystore">,
  owner: CustodyMember,
  options: CallOptions,
): Promise<Result<true>> {
  const { attester, keystore, primitives, random } = context
  const demand = owner.evidence
  if (demand === undefined) return ok(true)
  const { cluster } = keystore.identity()
  const [request, sealingKey, nonce] = [random(32), random(32), random(32)]
  const about = { cluster, owner: owner.path, bootSigningKey: owner.bootSigningKey, request }
  const qualifyingData = primitives.sha256(unlockEvidenceBytes(about, { nonces: [nonce], sealingKey }))
  const quoted = await attester.quote({ qualifyingData, pcrs: demand.pcrs }, options)
  if (!quoted.ok) return quoted
  return judgeEvidence(context, { cluster, owner, demand, request }, { ...quoted.value, nonces: [nonce], sealingKey })
}

/** What the TPM says of itself, as holders will judge it. */
async function tryQuote(
  { attester, random, verifyDeviceSignature }: EvidenceContext,
  { attestationKey, pcrs }: Pick<EvidenceDemand, "attestationKey" | "pcrs">,
  options: CallOptions,
): Promise<Result<TpmMeasurement>> {
  const key = decodeTpmAttestationKey(attestationKey)
  if (!key.ok) return key
  const qualifyingData = random(32)
  const quote = await attester.quote({ qualifyingData, pcrs }, options)
  return quote.ok ? verifyTpmQuote(verifyDeviceSignature, quote.value, { attestationKey: key.value, qualifyingData }) : quote
}
