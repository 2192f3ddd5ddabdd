import { fromHex, unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { decodePcrs, evidenceOrder } from "./evidence-params.ts"

const [first, second] = ["ab".repeat(32), "0C".repeat(32)]

describe("what pieces.join is told about evidence", () => {
  test("is nothing, that it ends, or what counts", () => {
    expect(evidenceOrder({})).toEqual({ ok: true, value: {} })
    expect(evidenceOrder({ evidence: "none" })).toEqual({ ok: true, value: { evidence: "none" } })
    expect(evidenceOrder({ evidence: "tpm2" })).toEqual({ ok: true, value: { evidence: {} } })
    expect(evidenceOrder({ evidence: "tpm2", pcrs: "0, 7", acceptDigests: `${first},${second}` })).toEqual({
      ok: true,
      value: { evidence: { pcrs: [0, 7], accepted: [unwrap(fromHex(first)), unwrap(fromHex(second))] } },
    })
  })

  test.each([
    { pcrs: "0" },
    { acceptDigests: first },
    { evidence: "none" as const, pcrs: "0" },
    { evidence: "tpm2" as const, acceptDigests: "" },
    { evidence: "tpm2" as const, acceptDigests: first.slice(2) },
    { evidence: "tpm2" as const, acceptDigests: `${first},` },
    { evidence: "tpm2" as const, acceptDigests: [first, first, first, first].join() },
    { evidence: "tpm2" as const, acceptDigests: "x".repeat(64) },
  ])("is refused when it does not fit together: %j", (params) => {
    expect(evidenceOrder(params)).toMatchObject({ ok: false, code: "RPC_PARAMS_INVALID" })
  })

  test.each(["", ",", "7,0", "0,0", "24", "-1", "1.5", "0x1", "0,,7", "a", "007"])("registers are not %j", (text) => {
    expect(decodePcrs(text)).toMatchObject({ ok: false, code: "RPC_PARAMS_INVALID" })
  })
})
