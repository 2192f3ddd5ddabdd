import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { Keygrove } from "keygrove"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bundle } from "./bundle.ts"
import { runCommand } from "./command.ts"
import { makeHome, makeStage, startNodeProcess, type TestHome } from "./node/node-process.ts"
import { missingTerminal, onTerminal, type TerminalSession } from "./terminal/terminal-session.ts"

const stack = new AsyncDisposableStack()
let stage: string
let home: TestHome

beforeAll(async () => {
  stage = stack.use(await makeStage()).directory
  home = await makeHome(stage, "laptop")
  stack.use(await startNodeProcess(home))
  await using grove = await Keygrove.connect({ home: home.directory })
  for (const id of ["web/tls", "web/next/one", "backup"]) await grove.keys.add({ id, type: "aes256" })
  mkdirSync(join(stage, "functions"))
  mkdirSync(join(stage, "files"))
  writeFileSync(join(stage, "files", "webfile.txt"), "")
  for (const [shell, file] of [
    ["bash", "complete.bash"],
    ["zsh", "functions/_keygrove"],
    ["fish", "complete.fish"],
  ] as const)
    writeFileSync(join(stage, file), (await runCommand(["completion", shell])).stdout)
})
afterAll(async () => await stack.disposeAsync())

const variables = (): NodeJS.ProcessEnv => ({
  PATH: `${bundle}${delimiter}${process.env["PATH"] ?? ""}`,
  HOME: stage,
  KEYGROVE_HOME: home.directory,
  TERM: "dumb",
})

/** What is typed before the tabulator, and what the line is afterwards. */
const lines: readonly (readonly [string, string])[] = [
  ["keygrove encr", "keygrove encrypt"],
  ["keygrove key rem", "keygrove key remove"],
  ["keygrove key add --exp", "keygrove key add --exportable"],
  ["keygrove key add web/other --type x", "keygrove key add web/other --type x25519"],
  ["keygrove key add web/other --type=x", "keygrove key add web/other --type=x25519"],
  ["keygrove key public web/t", "keygrove key public web/tls"],
  ["keygrove key public web/next/", "keygrove key public web/next/one"],
  ["keygrove key public --format ssh ba", "keygrove key public --format ssh backup"],
  ["keygrove audit list --key web/n", "keygrove audit list --key web/next/one"],
  ["keygrove encrypt --label photos/2026 webf", "keygrove encrypt --label photos/2026 webfile.txt"],
  ["keygrove key sign web/tls webf", "keygrove key sign web/tls webfile.txt"],
  ["keygrove key public webf", "keygrove key public webf"],
  ["keygrove --home ./none key public web/t", "keygrove --home ./none key public web/t"],
  ["keygrove --home=./none key public web/t", "keygrove --home=./none key public web/t"],
  ["keygrove --home ~/laptop key public web/t", "keygrove --home ~/laptop key public web/tls"],
  ["keygrove --home=./none completion z", "keygrove --home=./none completion zsh"],
]

function missing(shell: string): string | undefined {
  return spawnSync(shell, ["--version"]).error === undefined ? missingTerminal() : `${shell} is not there`
}

function startShell(shell: "bash" | "zsh"): TerminalSession {
  const environment = Object.entries(variables()).map(([name, value]) => `${name}=${value ?? ""}`)
  const session = onTerminal("env", ["-i", ...environment, shell, ...(shell === "bash" ? ["--norc", "--noprofile", "-i"] : ["-f", "-i"])])
  session.type(
    shell === "bash"
      ? `. "${stage}/complete.bash"; cd "${stage}/files"; bind 'set enable-bracketed-paste off'; PS1=; echo "re""ady"\r`
      : `fpath=("${stage}/functions" $fpath); autoload -U compinit; compinit -D -u; cd "${stage}/files"; PS1=; echo "re""ady"\r`,
  )
  return session
}

describe.each(["bash", "zsh"] as const)("in %s, as it is typed", (shell) => {
  test("commands, options, values, ids and files are completed, and no node is no word", async (context) => {
    const reason = missing(shell)
    context.skip(reason !== undefined, reason)
    await using session = startShell(shell)
    await session.see(/\nready\r/)
    for (const [typed, completed] of lines) {
      // To the line's beginning, so that the shell prints what it would have run.
      session.type(`${typed}\t`)
      session.type("\u0001echo got: \r")
      const { 0: seen } = await session.see(/\ngot: +[^\r]*\r/)
      expect(seen.replace(/^\ngot: +/, "").trimEnd()).toBe(completed.replace("~", stage))
    }
    session.type("exit\r")
    expect((await session.ended).screen).not.toContain("NODE_NOT_RUNNING")
  })
})

test("in fish, commands, options, values, ids and files are completed, and no node is no word", (context) => {
  const reason = missing("fish")
  context.skip(reason !== undefined, reason)
  const script = `source ${stage}/complete.fish\n${lines.map(([typed]) => `complete -C '${typed}'\necho ---\n`).join("")}`
  const output = execFileSync("fish", ["--no-config", "-c", script], {
    cwd: join(stage, "files"),
    env: variables(),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  })
  const offered = output.split("---\n").map((text) => text.split("\n").map((line) => line.split("\t")[0]))
  lines.forEach(([typed, completed], index) => {
    const before = typed.slice(0, typed.lastIndexOf(" ") + 1)
    // What fish offers takes the place of the last word.
    const words = (offered[index] ?? []).filter((word) => word !== "").map((word) => before + word)
    expect(words).toEqual(completed === typed ? [] : [completed])
  })
})
