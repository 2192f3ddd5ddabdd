import { expect, test } from "vitest"
import { checkLayers } from "../../scripts/layers/check.ts"
import { plantTree, repository } from "./faults.ts"

const manifests: Readonly<Record<string, { readonly name: string; readonly dependencies?: readonly string[] }>> = {
  "packages/core/base": { name: "@keygrove/base" },
  "packages/core/crypto": { name: "@keygrove/crypto", dependencies: ["@keygrove/base"] },
  "packages/service": { name: "@keygrove/service", dependencies: ["@keygrove/base", "@keygrove/sqlite", "@keygrove/node"] },
  "packages/adapters/sqlite": { name: "@keygrove/sqlite", dependencies: ["@keygrove/service", "@keygrove/base", "@keygrove/system"] },
  "packages/adapters/system": { name: "@keygrove/system", dependencies: ["secp256k1", "elliptic"] },
  "packages/apps/node": { name: "@keygrove/node", dependencies: ["@keygrove/sqlite"] },
}

/** A small sound workspace, and what the check says after `files` are added to it. */
function problemsWith(files: Readonly<Record<string, string>>): readonly string[] {
  using tree = plantTree()
  tree.write("package.json", JSON.stringify({ name: "root", devDependencies: { vitest: "1" } }))
  for (const [folder, { name, dependencies = [] }] of Object.entries(manifests)) {
    tree.write(`${folder}/package.json`, JSON.stringify({ name, dependencies: Object.fromEntries(dependencies.map((on) => [on, "1"])) }))
    tree.write(`${folder}/src/index.ts`, "export const sound: number = 1\n")
  }
  tree.write("packages/service/src/ledger.ts", 'import { sound } from "@keygrove/base"\nexport const x: number = sound\n')
  for (const [path, text] of Object.entries(files)) tree.write(path, text)
  return checkLayers(tree.root).problems
}

test("the repository itself keeps the rules, and was looked at", () => {
  const report = checkLayers(repository)
  expect(report.problems).toEqual([])
  expect(report.files).toBeGreaterThan(200)
  expect(report.imports).toBeGreaterThan(1000)
})

test("a sound workspace has no faults", () => expect(problemsWith({})).toEqual([]))

const base = "packages/core/base/src/planted.ts"
const sqlite = "packages/adapters/sqlite/src/planted.ts"

test.each<[string, string, string, RegExp]>([
  [
    "a static import upwards",
    "packages/service/src/planted.ts",
    'import { a } from "@keygrove/sqlite"',
    /: layer: imports point downwards only/,
  ],
  ["a type import upwards", "packages/service/src/planted.ts", 'import type { A } from "@keygrove/sqlite"', /: layer: /],
  [
    "a dynamic import upwards",
    "packages/service/src/planted.ts",
    'export const a = (): Promise<unknown> => import("@keygrove/node")',
    /: layer: /,
  ],
  ["an export from upwards", "packages/service/src/planted.ts", 'export { a } from "@keygrove/sqlite"', /: layer: /],
  ["an export * from upwards", "packages/service/src/planted.ts", 'export * from "@keygrove/sqlite"', /: layer: /],
  ["an import() type upwards", "packages/service/src/planted.ts", 'export type A = import("@keygrove/sqlite").A', /: layer: /],
  ["import = require() upwards", "packages/service/src/planted.ts", 'import a = require("@keygrove/sqlite")', /: layer: /],
  ["a require() upwards", "packages/service/src/planted.ts", 'require("@keygrove/sqlite")', /: layer: /],
  ["an adapter that knows another", sqlite, 'import { a } from "@keygrove/system"', /: layer: adapters do not know each other/],
  ["a subpath of a package above", "packages/service/src/planted.ts", 'import { a } from "@keygrove/sqlite/deep"', /: layer: /],
  [
    "an undeclared workspace package",
    "packages/core/base/src/planted.ts",
    'import { a } from "@keygrove/crypto"',
    /: undeclared: @keygrove\/crypto/,
  ],
  ["an undeclared npm package", sqlite, 'import * as v from "valibot"', /: undeclared: valibot/],
  ["a test tool in production code", sqlite, 'import { test } from "vitest"', /: undeclared: vitest/],
  ["a way around the package's name", sqlite, 'import { a } from "../../../core/base/src/index.ts"', /: outside: /],
  ["a contract suite in production code", sqlite, 'import { a } from "./storage.contract.ts"', /: test-code: /],
  ["a test in production code", sqlite, 'import "./storage.test.ts"', /: test-code: /],
  ["a computed import", sqlite, "export const load = (name: string): Promise<unknown> => import(name)", /: computed: /],
  ["elliptic", "packages/adapters/system/src/planted.ts", 'import { ec } from "elliptic"', /: banned: elliptic/],
  ["plain secp256k1", "packages/adapters/system/src/planted.ts", 'import secp from "secp256k1"', /: banned: secp256k1/],
  ["elliptic in a test", "packages/adapters/system/src/planted.test.ts", 'import { ec } from "elliptic"', /: banned: elliptic/],
  ["node: in core", base, 'import { readFileSync } from "node:fs"', /: pure: core is pure, but imports node:fs/],
  ["the clock in core", base, "export const now = (): number => Date.now()", /: pure: .* Date\.now/],
  ["new Date in core", base, "export const now = (): unknown => new Date()", /: pure: .* Date/],
  ["Math.random in core", base, "export const dice = (): number => Math.random()", /: pure: .* Math\.random/],
  ["Math['random'] in core", base, 'export const dice = (): number => Math["random"]()', /: pure: .* Math\.random/],
  ["an object that smuggles the clock", base, "export const clock = { Date }", /: pure: .* Date/],
  ["globalThis in core", base, "export const g: unknown = globalThis", /: pure: .* globalThis/],
  ["a timer in core", base, "setTimeout(() => undefined, 1)", /: pure: .* setTimeout/],
  ["an async function in core", base, "export const later = async (): Promise<void> => undefined", /: synchronous: /],
  ["await in core", base, "export const value: unknown = await 1", /: synchronous: /],
  ["a package without sources", "packages/adapters/empty/package.json", '{ "name": "@keygrove/empty" }', /unseen: @keygrove\/empty/],
])("finds %s", (_, path, text, expected) => {
  const problems = problemsWith({ [path]: `${text}\n` })
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(expected)
})

test("finds packages that import each other in a ring", () => {
  const problems = problemsWith({
    "packages/core/base/package.json": JSON.stringify({ name: "@keygrove/base", dependencies: { "@keygrove/crypto": "1" } }),
    "packages/core/base/src/planted.ts": 'import "@keygrove/crypto"\n',
    "packages/core/crypto/src/planted.ts": 'import "@keygrove/base"\n',
  })
  expect(problems.map((problem) => problem.split(" ", 2).join(" "))).toEqual(["cycle: @keygrove/base", "cycle: @keygrove/crypto"])
})

test("allows what only looks like a fault", () => {
  const files = {
    "packages/core/base/src/planted.ts": "export const pick = (value: { readonly Date: number }): number => value.Date + Math.floor(1.5)\n",
    "packages/core/base/src/planted.test.ts":
      'import { readFileSync } from "node:fs"\nexport const now = Date.now() + readFileSync("x").length\n',
    "packages/adapters/sqlite/src/storage.contract.ts": 'import { test } from "vitest"\nexport { test }\n',
  }
  expect(problemsWith(files)).toEqual([])
})

test("does not call an empty tree sound", () => {
  using tree = plantTree()
  expect(checkLayers(tree.root).problems).toEqual([expect.stringMatching(/^nothing was checked/)])
})

test("does not call a file sound that it cannot read", () => {
  expect(() => problemsWith({ [base]: "export const = 1\n" })).toThrow(/cannot be parsed/)
})
