import { unwrap } from "@keygrove/base"
import { describe, expect, test } from "vitest"
import { checkBatch, verifyBatch } from "./batch.ts"
import { emptyHead } from "./head.ts"
import { kitLog, kitPrimitives } from "./ledger-kit.contract.ts"

const log = kitLog(3)
const verified = unwrap(verifyBatch(kitPrimitives, log))
const badlySigned = log.map((entry) => Uint8Array.from(entry, (byte, index) => (index === entry.length - 1 ? byte ^ 1 : byte)))
const neverAsked = {
  ...kitPrimitives,
  ed25519: {
    ...kitPrimitives.ed25519,
    verify: (): boolean => {
      throw new Error("verified again")
    },
  },
}

describe("a batch whose entries were verified before", () => {
  test("is not verified again, and chains as it does otherwise", () => {
    expect(checkBatch(neverAsked, emptyHead(), log, verified)).toEqual(checkBatch(kitPrimitives, emptyHead(), log))
  })

  test.each([
    ["other bytes stand in the places", badlySigned, verified],
    ["the same bytes are in another array", badlySigned.slice(0, 1), [{ ...verified[0], bytes: Uint8Array.from(badlySigned[0] ?? []) }]],
    ["the places are others", badlySigned.slice(1), verified],
  ])("is verified when %s", (_name, batch, known) => {
    const [first] = verified
    if (first === undefined) throw new TypeError("the log has entries")
    expect(
      checkBatch(
        kitPrimitives,
        emptyHead(),
        batch,
        known.map((each) => ({ ...first, ...each })),
      ),
    ).toMatchObject({
      ok: false,
      code: "LEDGER_ENTRY_INVALID",
    })
  })

  test("is verified where less of it is known", () => {
    expect(() => checkBatch(neverAsked, emptyHead(), log, verified.slice(0, 2))).toThrow("verified again")
    expect(checkBatch(kitPrimitives, emptyHead(), log, verified.slice(0, 2)).ok).toBe(true)
  })
})
