import { utf8 } from "@keygrove/base"
import fc from "fast-check"
import { expect, test } from "vitest"
import { LineEditor, MAX_TYPED_BYTES } from "./line-editor.ts"

interface Typed {
  readonly line: string | undefined
  readonly ended: string | undefined
  readonly used: number
  readonly echo: string
}

function type(bytes: Uint8Array, visible = false): Typed {
  using editor = new LineEditor({ visible })
  const { echo, ended, used } = editor.feed(bytes)
  using line = editor.line()
  return { ended, used, echo, line: line?.expose((held) => Buffer.from(held).toString("utf8")) }
}

test.each([
  ["a line", "correct horse\r", "correct horse"],
  ["backspace and delete", "corrX\u007Fect hY\bors\u007F\u007Frse\r", "correct horse"],
  ["a character of several bytes", "naïve €\u007F\u007F\u007F\u007F\u007Five\n", "naive"],
  ["^U", "wrong\u0015correct\r", "correct"],
  ["more backspaces than characters", "ab\u007F\u007F\u007F\u007Fc\r", "c"],
  ["nothing", "\r", undefined],
])("takes %s, and echoes none of it", (_name, text, line) => {
  expect(type(utf8(text))).toEqual({ line, ended: "line", used: utf8(text).length, echo: "" })
})

test.each([
  ["^C", "abc\u0003def"],
  ["^D", "abc\u0004def"],
])("%s ends the question", (_name, text) => expect(type(utf8(text))).toMatchObject({ ended: "interrupted", used: 4 }))

test("leaves what was typed ahead", () => expect(type(utf8("one\rtwo\r"))).toMatchObject({ line: "one", used: 4 }))

test("takes 1024 bytes and no more", () => {
  const most = new Uint8Array(MAX_TYPED_BYTES).fill(0x61)
  expect(type(Uint8Array.of(...most, 0x0d))).toMatchObject({ ended: "line", line: "a".repeat(MAX_TYPED_BYTES) })
  expect(type(Uint8Array.of(...most, 0x61))).toMatchObject({ ended: "too long" })
})

test("a visible line is echoed and holds no control characters", () => {
  expect(type(utf8("\u001B[Azoo\tart\u007F\r"), true)).toMatchObject({ line: "[Azoo ar", echo: "[Azoo art\b \b" })
})

test("how the bytes are cut makes no difference", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(40), (bytes, cut) => {
      const whole = type(bytes)
      using editor = new LineEditor({ visible: false })
      const first = editor.feed(bytes.subarray(0, cut))
      const ended = first.ended ?? editor.feed(bytes.subarray(cut)).ended
      using line = editor.line()
      expect(ended).toBe(whole.ended)
      expect(line?.expose((held) => Buffer.from(held).toString("utf8"))).toBe(whole.line)
    }),
  )
})
