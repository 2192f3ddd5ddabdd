import { Secret } from "@keygrove/base"
import { expect, test } from "vitest"
import { openKeySource } from "./key-source.ts"

test("a variable leaves the environment at once, and is wiped with its source", () => {
  const environment: NodeJS.ProcessEnv = { KEY: "00ff", OTHER: "stays" }
  const source = openKeySource("env:KEY", environment)
  expect(environment).toEqual({ OTHER: "stays" })
  const { from } = source
  if (typeof from === "string" || !("secret" in from)) throw new TypeError("a variable gives a secret")
  expect(from.secret).toBeInstanceOf(Secret)
  expect(from.secret.expose((bytes) => Buffer.from(bytes).toString())).toBe("00ff")
  source[Symbol.dispose]()
  expect(from.secret.live).toBe(false)
})

test("an empty variable leaves it too", () => {
  const environment: NodeJS.ProcessEnv = { KEY: "" }
  expect(() => openKeySource("env:KEY", environment)).toThrow("there is no environment variable KEY, or it is empty")
  expect(environment).toEqual({})
})

test("files are named by their absolute path, and what is no source is not repeated", () => {
  expect(openKeySource("file:some/key", {}).from).toEqual({ file: `${process.cwd()}/some/key` })
  expect(openKeySource("file:/etc/key", {}).from).toEqual({ file: "/etc/key" })
  expect(["generate", "derive"].map((text) => openKeySource(text, {}).from)).toEqual(["generate", "derive"])
  for (const text of ["", "hunter2", "env:", "file:", "Env:KEY", "generate "])
    expect(() => openKeySource(text, {})).toThrow(
      /^--from must be generate, derive, env:NAME or file:PATH; a key itself never goes on the command line$/,
    )
})
