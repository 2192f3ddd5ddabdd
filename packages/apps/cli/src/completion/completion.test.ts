import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { commands } from "../commands.ts"
import { bashCompletion } from "./bash-completion.ts"
import { completionWords } from "./completion-words.ts"
import { fishCompletion } from "./fish-completion.ts"
import { zshCompletion } from "./zsh-completion.ts"

const table = completionWords(commands)
const script = bashCompletion(table)
const state = { directory: "" }

/** A command of the name that answers as the real one does on two homes, and fails as it does without a node. */
const stub = `#!/bin/sh
case "$*" in
  "key list --json") echo '{"version":1,"keys":[{"id":"web/tls","type":"p256"},{"id":"web/next","type":"p256"},{"id":"backup","type":"aes256"}]}' ;;
  "key list --json --home /other") echo '{"version":1,"keys":[{"id":"elsewhere","type":"p256"}]}' ;;
  *) echo "NODE_NOT_RUNNING: no node" >&2; exit 6 ;;
esac
`

beforeAll(() => {
  state.directory = mkdtempSync(join(tmpdir(), "keygrove-completion-"))
  writeFileSync(join(state.directory, "keygrove"), stub)
  chmodSync(join(state.directory, "keygrove"), 0o755)
  writeFileSync(join(state.directory, "script"), script)
})
afterAll(() => rmSync(state.directory, { recursive: true }))

/** What bash would offer after these words, the last of them unfinished; sets what bash itself sets. */
function offered(...words: readonly string[]): readonly string[] {
  const call = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _keygrove; printf "%s\\n" "${COMPREPLY[@]}"'
  const output = execFileSync("bash", ["--norc", "-u", "-c", call, "bash", join(state.directory, "script"), "keygrove", ...words], {
    encoding: "utf8",
    env: { ...process.env, PATH: `${state.directory}${delimiter}${process.env["PATH"] ?? ""}` },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return output.split("\n").filter((line) => line !== "")
}

describe("completion in bash", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["commands", ["e"], ["encrypt"]],
    ["groups among them", ["k"], ["key"]],
    ["commands of a group", ["key", "re"], ["remove"]],
    ["options of a command", ["key", "add", "--e"], ["--exportable"]],
    ["options of every command", ["down", "--"], ["--home", "--json", "--help"]],
    ["values of an option", ["key", "add", "web/tls", "--type", "x"], ["x25519"]],
    ["ids for commands about keys", ["key", "public", ""], ["web/tls", "web/next", "backup"]],
    ["ids that begin so", ["key", "sign", "web/t"], ["web/tls"]],
    ["ids after options", ["key", "public", "--format", "ssh", "b"], ["backup"]],
    ["ids as the value of an option", ["audit", "list", "--key", "b"], ["backup"]],
    ["ids of another home", ["--home", "/other", "key", "rotate", ""], ["elsewhere"]],
    ["no ids for a key that is to be made", ["key", "add", "w"], []],
    ["no id as the second operand, which is a file", ["key", "sign", "web/tls", "w"], []],
    ["nothing for a value that can be anything", ["encrypt", "--label", "k"], []],
    ["nothing for an operand that is called as a command is", ["encrypt", "key", "a"], []],
    ["nothing after what is no command", ["nonsense", "k"], []],
    ["shells", ["completion", "z"], ["zsh"]],
  ])("offers %s", (_what, words, expected) => {
    expect(offered(...words)).toEqual(expected)
  })

  test("offers no ids, and says nothing, when no node runs", () => {
    expect(offered("--home", "/nowhere", "key", "public", "")).toEqual([])
  })

  test("is registered for keygrove", () => {
    expect(
      execFileSync("bash", ["--norc", "-c", `source "${join(state.directory, "script")}"; complete -p keygrove`], { encoding: "utf8" }),
    ).toBe("complete -o default -F _keygrove keygrove\n")
  })
})

test("every command and option of the table is in every script, and nothing that a shell would expand", () => {
  for (const { name, options = [] } of commands) {
    expect(table.map(({ path }) => path)).toContain(name)
    for (const { flags } of options) {
      const [long = ""] = flags.match(/--[a-z-]+/) ?? []
      expect(script).toContain(long)
      expect(fishCompletion(table)).toContain(`-l ${long.slice(2)} `)
    }
  }
  for (const { options, path, words } of table)
    for (const text of [path, ...(words === "keys" ? [] : words), ...options.map(({ flag }) => flag)]) expect(text).toMatch(/^[a-z0-9 -]*$/)
  expect(zshCompletion(table)).toMatch(/^#compdef keygrove\n/)
})
