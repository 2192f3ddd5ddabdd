import { describe, expect, test } from "vitest"
import { commands } from "./commands.ts"
import { CommandError } from "./errors.ts"
import { helpText, parseCommandLine, type Parsed } from "./program.ts"

function parse(...argv: string[]): Parsed {
  return parseCommandLine(commands, argv)
}

function messageOf(...argv: string[]): string {
  try {
    parse(...argv)
  } catch (error) {
    if (error instanceof CommandError) return `${error.code}: ${error.message}`
    throw error
  }
  return "accepted"
}

describe("parseCommandLine", () => {
  test("finds a command of two words with operands, options and global options anywhere", () => {
    const parsed = parse("policy", "show", "abc", "--json", "--home", "/h")
    expect(parsed).toMatchObject({
      kind: "run",
      invocation: { spec: { name: "policy show" }, home: "/h", json: true, input: { operands: ["abc"] } },
    })
    expect(parse("--home", "/h", "--json", "status")).toMatchObject({
      kind: "run",
      invocation: { spec: { name: "status" }, home: "/h", json: true },
    })
  })

  test("a command may have commands of its own, whatever comes first", () => {
    expect(parse("unlock", "--key-file", "k")).toMatchObject({
      invocation: { spec: { name: "unlock" }, input: { options: { keyFile: "k" } } },
    })
    expect(parse("unlock", "requests")).toMatchObject({ invocation: { spec: { name: "unlock requests" } } })
    expect(parse("unlock", "approve", "/server", "--request", "0f")).toMatchObject({
      invocation: { spec: { name: "unlock approve" }, input: { operands: ["/server"], options: { request: "0f" } } },
    })
    expect(messageOf("unlock", "nope")).toContain("too many arguments")
  })

  test("names options in camel case and takes - as a value", () => {
    expect(parse("up", "--passphrase-file", "-")).toMatchObject({ invocation: { input: { options: { passphraseFile: "-" } } } })
    expect(parse("encrypt", "-", "--label", "x", "-o", "-")).toMatchObject({
      invocation: { input: { operands: ["-"], options: { label: "x", out: "-" } } },
    })
  })

  test.each([
    [["nonsense"], "unknown command 'nonsense'"],
    [["grant", "x"], "required option"],
    [["encrypt", "--label", "x"], "missing required argument 'FILE'"],
    [["status", "--nope"], "unknown option '--nope'"],
    [["status", "extra"], "too many arguments"],
    [["policy"], "a command is missing"],
    [["policy", "nope"], "unknown command 'nope'"],
    [["--home"], "argument missing"],
    [["init", "--passphrase", "hunter2"], "unknown option '--passphrase'"],
  ])("refuses %j in one line", (argv, expected) => {
    const message = messageOf(...argv)
    expect(message).toContain("USAGE_INVALID: ")
    expect(message).toContain(expected)
    expect(message).not.toContain("\n")
  })

  test("every command has a help with an example", () => {
    for (const spec of commands) {
      const parsed = parse(...spec.name.split(" "), "--help")
      expect(parsed.kind === "help" ? parsed.text : "").toContain(spec.examples[0])
      expect(helpText(commands, spec.name)).toContain(`keygrove ${spec.name}`)
    }
  })
})
