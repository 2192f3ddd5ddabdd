import { expect, test } from "vitest"
import { Turns } from "./turns.ts"

test("work on one thing is done in the order it came, also after a failure; other work does not wait", async () => {
  const turns = new Turns()
  const done: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = turns.take("a", async () => {
    await gate.promise
    done.push("a1")
    throw new Error("a1 fails")
  })
  const second = turns.take("a", async () => await Promise.resolve(done.push("a2")))
  await turns.take("b", async () => await Promise.resolve(done.push("b1")))
  expect(done).toEqual(["b1"])
  gate.resolve()
  await expect(first).rejects.toThrow("a1 fails")
  await second
  await turns.take("a", async () => await Promise.resolve(done.push("a3")))
  expect(done).toEqual(["b1", "a1", "a2", "a3"])
})
