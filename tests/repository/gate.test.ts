import { existsSync, globSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { VERSION } from "@keygrove/node/version"
import { expect, test } from "vitest"
import { countTests } from "../../scripts/gate/count-tests.ts"
import { readReport } from "../../scripts/gate/read-report.ts"
import { runAll } from "../../scripts/gate/schedule.ts"
import { whereTimeWent } from "../../scripts/gate/where-time-went.ts"
import { judgeDocument, judgePrivacy } from "../../scripts/documents/rules.ts"
import { LONGEST } from "../longest-first.ts"
import { plantTree } from "./faults.ts"

/** Counts a report with the given statuses a file, and the exit status of the run. */
function count(files: readonly (readonly string[])[], exitStatus: number, fileStatus = "passed"): unknown {
  using tree = plantTree()
  const testResults = files.map((statuses) => ({
    name: "a.test.ts",
    status: fileStatus,
    startTime: 1_000,
    endTime: 3_500,
    assertionResults: statuses.map((status) => ({ status })),
  }))
  tree.write("report.json", JSON.stringify({ testResults }))
  return countTests(readReport(join(tree.root, "report.json")), exitStatus)
}

test("counts what passed, failed and was skipped", () => {
  expect(count([["passed", "passed", "failed", "skipped", "todo", "pending"]], 1)).toEqual({ passed: 2, failed: 1, skipped: 3 })
})

test("counts a file that did not load as a failure", () => {
  expect(count([[]], 1, "failed")).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

test("counts an exit status that contradicts the report as a failure", () => {
  expect(count([["passed"]], 1)).toEqual({ passed: 1, failed: 1, skipped: 0 })
})

test("counts a run without tests, or without a report, as a failure", () => {
  expect(count([], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  expect(count([["skipped"]], 0)).toEqual({ passed: 0, failed: 1, skipped: 1 })
  using tree = plantTree()
  mkdirSync(join(tree.root, "empty"))
  expect(countTests(readReport(join(tree.root, "empty", "report.json")), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

test("runs the steps in their order as far as processors reach, lets small ones pass, and gives what needs more a time of its own", async () => {
  const order: string[] = []
  const ends = new Map<string, () => void>()
  const running = runAll(
    [
      ["a", 2],
      ["b", 2],
      ["c", 1],
      ["d", 9],
    ].map(([name, processors]) => ({ name: String(name), processors: Number(processors) })),
    3,
    async ({ name }) => {
      order.push(name)
      await new Promise<void>((resolve) => ends.set(name, resolve))
      return name
    },
  )
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.()
    await new Promise(setImmediate)
  }
  expect(order).toEqual(["a", "c"])
  await end("c")
  expect(order).toEqual(["a", "c"])
  await end("a")
  expect(order).toEqual(["a", "c", "b"])
  await end("b")
  expect(order).toEqual(["a", "c", "b", "d"])
  await end("d")
  expect(await running).toEqual(["c", "a", "b", "d"])
})

test("tells where the time went, longest first, and no more than ten files", () => {
  const file = (index: number) => ({
    name: `/root/tests/${index}.test.ts`,
    status: "passed",
    startTime: 0,
    endTime: index * 1_000,
    assertionResults: [],
  })
  const counts = { passed: 1, failed: 0, skipped: 0 }
  const lines = whereTimeWent(
    [
      { name: "lint", counts, seconds: 1.25, files: [] },
      { name: "unit", counts, seconds: 70, files: Array.from({ length: 12 }, (_, index) => file(index + 1)) },
    ],
    "/root",
  )
  expect(lines.slice(0, 5)).toEqual([
    "the steps, which go side by side:",
    "  70.0 s  unit",
    "   1.3 s  lint",
    "the slowest files:",
    "  12.0 s  tests/12.test.ts",
  ])
  expect(lines).toHaveLength(14)
})

const options = [{ flags: "-m, --threshold <M>", description: "" }]
const testFile = [
  'describe("a thing", () => {',
  '  test.each([["old"], ["new"]])("that is %s, works", () => undefined)',
  "  test.runIf(isThere)(`waits ${LIMIT} times`, async () => undefined)",
  '  const other = "nowhere"',
  "})",
].join("\n")
const known = {
  files: new Set(["README.md", "docs/errors.md", "x.test.ts", "x.md"]),
  read: (file: string): string => (file === "x.test.ts" ? testFile : "one line\nanother line\n"),
  npmScripts: new Set(["verify"]),
  commands: [{ name: "grant", summary: "", options, examples: [], load: () => Promise.reject(new Error("not called")) }],
}

test.each([
  ["[a](docs/errors.md#x) [b](https://example.org) `npm run verify` `keygrove grant x -m 3 --json`", 0],
  ["keygrove forgets nothing, in prose", 0],
  ["[a](docs/missing.md)", 1],
  ['[a](docs/missing.md "with a title")', 1],
  ['[a](x.test.ts "a thing") [b](x.test.ts "is %s") [c](x.test.ts "new") [d](x.test.ts "waits ${LIMIT} times") [e](x.md "another")', 0],
  ['[a](x.test.ts "is old")', 1],
  ['[a](x.test.ts "nowhere")', 1],
  ['[a](x.md "a third line")', 1],
  ['[a][one] and [b][one], but `c[0][1]`\n\n[one]: x.test.ts "that is"', 0],
  ['[a][one]\n\n[one]: x.test.ts "that was"', 1],
  ["[a][one]\n\n[one]: x.missing.ts", 1],
  ["[a][two]\n\n[one]: x.md", 2],
  ["`npm run missing`", 1],
  ["`keygrove give x`", 1],
  ["```sh\nkeygrove grant x --shards 3\n```", 1],
  ["```text\nkeygrove drawn (anything)\n```", 0],
])("judges the document %j", (text, faults) => {
  expect(judgeDocument("README.md", text, known)).toHaveLength(faults)
})

test("the files that begin a run are there", () => {
  expect(LONGEST.filter((name) => !existsSync(join(import.meta.dirname, "..", `${name}.test.ts`)))).toEqual([])
})

/** Written in parts, because these rules hold for this file as well. */
const inParts = (...parts: readonly string[]): string => parts.join("")

test.each([
  [inParts("/ho", "me/someone/", "project/file"), 1],
  [inParts("-----BEGIN EC ", "PRIVATE", " KEY-----"), 1],
  [inParts('"resol', 'ved": "htt', 'ps://host/x.tgz"'), 1],
  ["https://example.org/home/page and ~/home/x", 0],
])("judges the text %j", (text, faults) => {
  expect(judgePrivacy("x.ts", text)).toHaveLength(faults)
})

test("every package has the version that the programs tell", () => {
  const root = join(import.meta.dirname, "..", "..")
  const manifests = ["package.json", ...globSync("packages/{core/*,service,adapters/*,apps/*}/package.json", { cwd: root })]
  const versions = manifests.map((file): unknown => JSON.parse(readFileSync(join(root, file), "utf8")).version)
  expect(manifests.length).toBeGreaterThan(15)
  expect(new Set(versions)).toEqual(new Set([VERSION]))
})
