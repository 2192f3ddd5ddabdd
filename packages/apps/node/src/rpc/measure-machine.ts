import type { PiecesMeasurement } from "@keygrove/api"
import { equalBytes, ok, toHex, type Result } from "@keygrove/base"
import { DEFAULT_PCRS, type CallOptions } from "@keygrove/service"
import type { NodePieces } from "../runtime/open-pieces.ts"

/** What this machine's registers give now, and whether its holders accept it: of those that they ask for unless others are given. */
export async function measureMachine(
  { context, view }: Pick<NodePieces, "context" | "view">,
  pcrs: readonly number[] | undefined,
  options: CallOptions,
): Promise<Result<PiecesMeasurement>> {
  const { custody, self } = view()
  const demand = custody.members.get(self.path)?.evidence
  const measured = await context.attester.measure(pcrs ?? demand?.pcrs ?? DEFAULT_PCRS, options)
  if (!measured.ok) return measured
  const { pcrDigest, pcrs: registers, values } = measured.value
  const isAsked = demand !== undefined && demand.pcrs.join() === registers.join()
  return ok({
    pcrs: registers,
    digest: toHex(pcrDigest),
    registers: registers.map((pcr, at) => ({ pcr, value: toHex(values[at] ?? new Uint8Array(0)) })),
    isAccepted: isAsked ? demand.digests.some((digest) => equalBytes(digest, pcrDigest)) : null,
  })
}
