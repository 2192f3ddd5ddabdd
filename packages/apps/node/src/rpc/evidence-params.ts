import type { PiecesApiParams } from "@keygrove/api"
import { fromHex, ok, refuse, type Refusal, type Result } from "@keygrove/base"
import { MAX_ACCEPTED_DIGESTS, MAX_PCR } from "@keygrove/pieces"
import type { JoinOrder } from "@keygrove/service"

const DIGEST_BYTES = 32

/** What `pieces.join` is told about evidence. */
export function evidenceOrder({
  acceptDigests,
  evidence,
  pcrs,
}: Omit<PiecesApiParams["pieces.join"], "unlock">): Result<Pick<JoinOrder, "evidence">, "RPC_PARAMS_INVALID"> {
  if (evidence !== "tpm2") {
    if (pcrs !== undefined || acceptDigests !== undefined)
      return invalid(pcrs === undefined ? "acceptDigests" : "pcrs", 'is about evidence; give "evidence": "tpm2" with it')
    return ok(evidence === undefined ? {} : { evidence })
  }
  const registers = decodePcrs(pcrs)
  if (!registers.ok) return registers
  const accepted = decodeDigests(acceptDigests)
  if (!accepted.ok) return accepted
  return ok({
    evidence: {
      ...(registers.value === undefined ? {} : { pcrs: registers.value }),
      ...(accepted.value === undefined ? {} : { accepted: accepted.value }),
    },
  })
}

/** Registers as `0,2,4,7`. */
export function decodePcrs(text: string | undefined): Result<readonly number[] | undefined, "RPC_PARAMS_INVALID"> {
  if (text === undefined) return ok(undefined)
  const words = text.split(",").map((word) => word.trim())
  const pcrs = words.map(Number)
  const areGood = words.every((word) => /^\d{1,2}$/.test(word)) && pcrs.every((pcr, at) => pcr <= MAX_PCR && pcr > (pcrs[at - 1] ?? -1))
  return areGood ? ok(pcrs) : invalid("pcrs", `must be registers from 0 to ${MAX_PCR}, ascending, separated by commas, as in 0,2,4,7`)
}

function decodeDigests(text: string | undefined): Result<readonly Uint8Array[] | undefined, "RPC_PARAMS_INVALID"> {
  if (text === undefined) return ok(undefined)
  const digests = text.split(",").map((word) => fromHex(word.trim()))
  const good = digests.flatMap((digest) => (digest.ok && digest.value.length === DIGEST_BYTES ? [digest.value] : []))
  if (good.length === digests.length && good.length < MAX_ACCEPTED_DIGESTS) return ok(good)
  return invalid(
    "acceptDigests",
    `must be 1 to ${MAX_ACCEPTED_DIGESTS - 1} digests of ${DIGEST_BYTES} bytes in hex, separated by commas; \`keygrove pieces measure\` prints one`,
  )
}

function invalid(name: string, what: string): Refusal<"RPC_PARAMS_INVALID"> {
  return refuse("RPC_PARAMS_INVALID", `the parameter "${name}" ${what}`, { name })
}
