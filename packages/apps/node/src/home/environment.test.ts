import { execFileSync } from "node:child_process"
import { expect, test } from "vitest"

/** In a process of its own: what a variable leaves behind is a matter of how the process began. */
function inProcess(body: string, environment: Readonly<Record<string, string>>): unknown {
  const program = `
    import { readFileSync } from "node:fs"
    import { forgetVariable, takeVariable } from ${JSON.stringify(new URL("environment.ts", import.meta.url).href)}
    const shown = () => process.platform === "linux" && readFileSync("/proc/self/environ", "latin1").includes("hunter2")
    console.log(JSON.stringify((() => { ${body} })()))`
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...environment },
  })
  return JSON.parse(output)
}

const take =
  'const taken = takeVariable("KEY"); return [taken?.expose((bytes) => Buffer.from(bytes).toString()), "KEY" in process.env, shown()]'

test.each<[string, Readonly<Record<string, string>>, string]>([
  ["alone", { KEY: "hunter2" }, "hunter2"],
  [
    "among those with longer names and with its name in their value",
    { A_KEY: "x", KEY2: "KEY=y", Z: "\nKEY=z", KEY: "hunter2" },
    "hunter2",
  ],
  ["with = and letters of any kind", { KEY: "hunter2=ü\n " }, "hunter2=ü\n "],
])("a variable %s is taken, once, and is nowhere afterwards", (_what, environment, value) => {
  expect(inProcess(take, environment)).toEqual([value, false, false])
  expect(inProcess(`takeVariable("KEY")?.[Symbol.dispose](); ${take}`, environment)).toEqual([null, false, false])
})

test.each<[string, Readonly<Record<string, string>>]>([
  ["is not there", { KEYS: "hunter" }],
  ["is empty", { KEY: "" }],
])("one that %s is undefined", (_what, environment) => {
  expect(inProcess(take, environment)).toEqual([null, false, false])
})

test("one is forgotten, and the others stay", () => {
  const body = 'forgetVariable("KEY"); forgetVariable("NONE"); return ["KEY" in process.env, process.env.OTHER, shown()]'
  expect(inProcess(body, { KEY: "hunter2", OTHER: "stays" })).toEqual([false, "stays", false])
})
