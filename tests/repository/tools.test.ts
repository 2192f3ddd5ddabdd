import { expect, test } from "vitest"
import { plantTree } from "./faults.ts"

const tsc = "typescript/bin/tsc"
const oxlint = "oxlint/bin/oxlint"

test.each([
  ["node:fs", 'import { readFileSync } from "node:fs"\nexport const read: unknown = readFileSync\n', "'node:fs'"],
  ["setTimeout", "export const later = (): unknown => setTimeout(() => undefined, 1)\n", "'setTimeout'"],
  ["crypto", "export const random = (): unknown => crypto.getRandomValues(new Uint8Array(1))\n", "'crypto'"],
  ["process", "export const args: unknown = process.argv\n", "'process'"],
  ["an index that may be missing", "export const first = (all: readonly number[]): number => all[0]\n", "TS2322"],
  ["an enum", "export enum Colour { Red }\n", "TS1294"],
])("core does not compile with %s", (_, text, expected) => {
  using tree = plantTree(["tsconfig.base.json", "packages/core/tsconfig.json"])
  tree.write("package.json", '{ "type": "module" }')
  tree.write("packages/core/planted/src/planted.ts", text)
  const { status, output } = tree.run(tsc, ["-b", "packages/core"])
  expect(output).toContain(expected)
  expect(status).not.toBe(0)
})

test("core compiles without a fault, so that the ones above are the reason", () => {
  using tree = plantTree(["tsconfig.base.json", "packages/core/tsconfig.json"])
  tree.write("package.json", '{ "type": "module" }')
  tree.write("packages/core/planted/src/planted.ts", "export const one: number = 1\n")
  expect(tree.run(tsc, ["-b", "packages/core"])).toEqual({ status: 0, output: "" })
})

const lintFiles = [".oxlintrc.json", "tsconfig.base.json"]
const promised = "export async function work(): Promise<void> {}\n"

test.each([
  ["a floating promise", `${promised}export function start(): void {\n  work()\n}\n`, "no-floating-promises"],
  ["a promise as a condition", `${promised}export const is = (): number => (work() ? 1 : 2)\n`, "no-misused-promises"],
  ["any", "export const value = (x: any): unknown => x\n", "no-explicit-any"],
  ["a non-null assertion", "export const first = (all: readonly number[]): number => all[0]!\n", "no-non-null-assertion"],
  ["a default export", "export default 1\n", "no-default-export"],
  ["console", 'export const say = (): void => console.log("x")\n', "no-console"],
  ["process.exit", "export const end = (): void => process.exit(1)\n", "no-process-exit"],
  [
    "five parameters",
    "export const f = (a: number, b: number, c: number, d: number, e: number): number => a + b + c + d + e\n",
    "max-params",
  ],
  ["401 lines", "export {}\n".repeat(401), "max-lines"],
  ["a function of 61 lines", `export function f(): void {\n${"  void 0\n".repeat(61)}}\n`, "max-lines-per-function"],
  [
    "a switch that forgets a case",
    'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      void 0\n  }\n}\n',
    "switch-exhaustiveness-check",
  ],
])("lint finds %s", (_, text, rule) => {
  using tree = plantTree(lintFiles)
  tree.write("tsconfig.json", '{ "extends": "./tsconfig.base.json", "include": ["packages/**/*.ts"] }')
  tree.write("packages/planted.ts", text)
  const { status, output } = tree.run(oxlint, ["--format=unix", "packages"])
  expect(output).toContain(`(${rule})`)
  expect(status).toBe(1)
})

test("lint finds a skipped and a focused test", () => {
  using tree = plantTree(lintFiles)
  tree.write("tsconfig.json", '{ "extends": "./tsconfig.base.json", "include": ["packages/**/*.ts"] }')
  tree.write(
    "packages/planted.test.ts",
    'import { test } from "vitest"\ntest.skip("a", () => undefined)\ntest.only("b", () => undefined)\n',
  )
  const { output } = tree.run(oxlint, ["--format=unix", "packages"])
  expect(output).toContain("no-disabled-tests")
  expect(output).toContain("no-focused-tests")
})

test("format finds a semicolon", () => {
  using tree = plantTree([".oxfmtrc.json"])
  tree.write("planted.ts", "export const one: number = 1;\n")
  expect(tree.run("oxfmt/bin/oxfmt", ["--check", "planted.ts"]).status).toBe(1)
})

test("unused code finds an export, a file and a dependency that nobody uses", () => {
  using tree = plantTree(["knip.json", "tsconfig.json", "tsconfig.base.json"])
  tree.write("package.json", '{ "name": "root", "private": true, "workspaces": ["packages/core/*"] }')
  tree.write(
    "packages/core/base/package.json",
    '{ "name": "@keygrove/base", "exports": "./src/index.ts", "dependencies": { "cborg": "6.1.5" } }',
  )
  tree.write("packages/core/base/src/index.ts", 'export { used } from "./parts.ts"\n')
  tree.write("packages/core/base/src/parts.ts", "export const used: number = 1\nexport const forgotten: number = 2\n")
  tree.write("packages/core/base/src/orphan.ts", "export const orphan: number = 1\n")
  const { status, output } = tree.run("knip/bin/knip.js", ["--no-progress"])
  expect(output).toMatch(/forgotten.*parts\.ts/)
  expect(output).toContain("orphan.ts")
  expect(output).toMatch(/cborg.*package\.json/)
  expect(status).toBe(1)
})
