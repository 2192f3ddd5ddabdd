import { expect, test } from "vitest"
import { bootKeyChoice } from "./boot-key-option.ts"

const input = (options: Record<string, string>): Parameters<typeof bootKeyChoice>[0] => ({ operands: [], options })

test("a boot key stays as it is, lies in the open, or is sealed, to registers or to none", () => {
  expect(bootKeyChoice(input({}))).toBeUndefined()
  expect(bootKeyChoice(input({ bootKey: "plain" }))).toEqual({ kept: "plain" })
  expect(bootKeyChoice(input({ bootKey: "tpm" }))).toEqual({ kept: "tpm", pcrs: [] })
  expect(bootKeyChoice(input({ bootKey: "tpm", bootPcrs: "0,2,4,7" }))).toEqual({ kept: "tpm", pcrs: [0, 2, 4, 7] })
})

test.each([
  [{ bootKey: "paper" }, "--boot-key is plain or tpm"],
  [{ bootPcrs: "0" }, "give --boot-key tpm"],
  [{ bootKey: "plain", bootPcrs: "0" }, "give --boot-key tpm"],
  [{ bootKey: "tpm", bootPcrs: "24" }, "from 0 to 23"],
  [{ bootKey: "tpm", bootPcrs: "7,0" }, "ascending"],
  [{ bootKey: "tpm", bootPcrs: "7,7" }, "ascending"],
  [{ bootKey: "tpm", bootPcrs: "" }, "from 0 to 23"],
])("%j is refused", (options, message) => {
  expect(() => bootKeyChoice(input(options as Record<string, string>))).toThrow(message)
})
