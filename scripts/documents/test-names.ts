import { parseSync } from "oxc-parser"

const RUNNERS: ReadonlySet<string> = new Set(["describe", "test"])

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

/**
 * What the tests and suites of a test file are called, as it is written in the source: the first text of each call of `test` or `describe` in any of their
 * forms, and the texts of the rows that `each` or `for` is given in place. Throws when the file is not valid TypeScript.
 */
export function testNames(file: string, text: string): readonly string[] {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file} cannot be parsed: ${errors.map(({ message }) => message).join("; ")}`)
  return nodesOf(program).flatMap((node) => {
    if (node.type !== "CallExpression" || !RUNNERS.has(runnerOf(node) ?? "")) return []
    const [first] = argumentsOf(node)
    if (first?.type === "ArrayExpression") return nodesOf(first).flatMap((inner) => textOf(inner, text))
    return first === undefined ? [] : textOf(first, text)
  })
}

/** The name at the root of what is called: `test` of `test(…)`, `test.runIf(a)(…)` and `test.concurrent.each(rows)(…)`. */
function runnerOf(node: Node): string | undefined {
  if (node.type === "Identifier") return String(node["name"])
  const inner = node.type === "CallExpression" ? node["callee"] : node.type === "MemberExpression" ? node["object"] : undefined
  return isNode(inner) ? runnerOf(inner) : undefined
}

function argumentsOf(node: Node): readonly Node[] {
  return Array.isArray(node["arguments"]) ? node["arguments"].filter(isNode) : []
}

function textOf(node: Node, text: string): readonly string[] {
  if (node.type === "Literal" && typeof node["value"] === "string") return [node["value"]]
  return node.type === "TemplateLiteral" ? [text.slice(node.start + 1, node.end - 1)] : []
}

function nodesOf(value: unknown): readonly Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf)
  return isNode(value) ? [value, ...Object.values(value).flatMap(nodesOf)] : []
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value
}
