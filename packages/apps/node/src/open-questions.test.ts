import { describe, expect, test } from "vitest"
import { OpenQuestions } from "./open-questions.ts"

const { signal } = new AbortController()

describe("open questions", () => {
  test("are seen by who waits, oldest first, and answered once", async () => {
    const questions = new OpenQuestions()
    const first = await questions.changed(0, signal)
    expect(first?.questions).toEqual([])
    const next = questions.changed(first?.revision ?? 0, signal)
    const agreed = [questions.ask("a", signal), questions.ask("b", signal)]
    expect((await next)?.questions.map(({ key }) => key)).toEqual(["a", "b"])
    expect(questions.answer(2, true)).toBe(true)
    expect(questions.answer(2, false)).toBe(false)
    expect(questions.answer(1, false)).toBe(true)
    expect(questions.answer(3, true)).toBe(false)
    expect(await Promise.all(agreed)).toEqual([false, true])
    expect((await questions.changed(0, signal))?.questions).toEqual([])
  })

  test("are withdrawn when whoever asked is gone", async () => {
    const questions = new OpenQuestions()
    const gone = new AbortController()
    const agreed = questions.ask("a", gone.signal)
    const seen = await questions.changed(0, signal)
    const next = questions.changed(seen?.revision ?? 0, signal)
    gone.abort()
    expect(await agreed).toBe(false)
    expect((await next)?.questions).toEqual([])
    expect(questions.answer(1, true)).toBe(false)
    expect(await questions.ask("b", gone.signal)).toBe(false)
  })

  test("end with no, for who asked and who waits", async () => {
    const questions = new OpenQuestions()
    const agreed = questions.ask("a", signal)
    const seen = await questions.changed(0, signal)
    const next = questions.changed(seen?.revision ?? 0, signal)
    questions.end()
    expect(await agreed).toBe(false)
    expect(await next).toBeUndefined()
    expect(await questions.changed(0, signal)).toBeUndefined()
    expect(await questions.ask("b", signal)).toBe(false)
  })

  test("are not waited for by a call that ended", async () => {
    const questions = new OpenQuestions()
    const call = new AbortController()
    const waiting = questions.changed(1, call.signal)
    call.abort()
    await expect(waiting).rejects.toThrow(/aborted/)
    await expect(questions.changed(0, call.signal)).rejects.toThrow(/aborted/)
  })
})
