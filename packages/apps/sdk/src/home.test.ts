import { homedir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { resolveHome } from "./home.ts"

test("the option wins over the environment, that over the XDG data home, that over ~/.local/share", () => {
  const environment = { KEYGROVE_HOME: "/from/environment", XDG_DATA_HOME: "/data" }
  expect(resolveHome("/from/option", environment)).toBe("/from/option")
  expect(resolveHome(undefined, environment)).toBe("/from/environment")
  expect(resolveHome(undefined, { XDG_DATA_HOME: "/data" })).toBe("/data/keygrove")
  expect(resolveHome(undefined, {})).toBe(join(homedir(), ".local/share/keygrove"))
})

test("empty variables do not count and relative paths become absolute", () => {
  expect(resolveHome(undefined, { KEYGROVE_HOME: "", XDG_DATA_HOME: "" })).toBe(join(homedir(), ".local/share/keygrove"))
  expect(resolveHome("here", {})).toBe(join(process.cwd(), "here"))
})
