import { spawnSync } from "node:child_process"
import { globSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import { installPrograms } from "./install.mjs"

/** `npm run bench [-- NAME…]`: runs the benchmarks one after the other, so that they do not disturb each other, and repeats who met its bars. */
const root = fileURLToPath(new URL("..", import.meta.url))
const asked = new Set(process.argv.slice(2))
const files = globSync("bench/*.ts", { cwd: root, exclude: ["bench/programs.ts"] }).toSorted()
const names = files.map((file) => basename(file, ".ts"))
const unknown = [...asked].filter((name) => !names.includes(name))
if (unknown.length > 0) console.error(`unknown: ${unknown.join(", ")}; the benchmarks are ${names.join(", ")}`)

const ready =
  unknown.length === 0 && names.length > 0 && installPrograms(["age", "etcd", "gpg", "gpg-agent", "openssl", "softhsm2-util", "ssh-agent"])
const chosen = ready ? names.filter((name) => asked.size === 0 || asked.has(name)) : []
const verdicts = chosen.map((name) => {
  console.log(`\n== ${name}`)
  const { status } = spawnSync(process.execPath, [`bench/${name}.ts`], { cwd: root, stdio: "inherit" })
  return { name, met: status === 0 }
})
console.log("")
for (const { name, met } of verdicts) console.log(`${name.padEnd(10)} ${met ? "every bar met" : "A BAR WAS MISSED, see above"}`)
process.exitCode = verdicts.length > 0 && verdicts.every(({ met }) => met) ? 0 : 1
