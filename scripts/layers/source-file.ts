import { readFileSync } from "node:fs"
import { parseSync } from "oxc-parser"

/** A module that a file names, in whatever syntax. */
export interface Import {
  /** `undefined` when the name is computed, so that nothing can be said about it. */
  readonly specifier: string | undefined
  readonly line: number
}

/** A name the file uses without declaring it, or a construct of interest. */
export interface Use {
  readonly name: string
  readonly line: number
}

/** What the rules need to know of one source file. */
export interface SourceFile {
  readonly imports: readonly Import[]
  /** Free identifiers, as `crypto`, and members of free identifiers, as `Math.random`. */
  readonly globals: readonly Use[]
  /** Every `async` function and every `await`. */
  readonly asynchronous: readonly Use[]
}

interface Node {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value
}

/** Parses one file. Throws when it is not valid TypeScript: a file that cannot be read cannot be judged. */
export function readSourceFile(path: string): SourceFile {
  const text = readFileSync(path, "utf8")
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors.map(({ message }) => message).join("; ")}`)
  const nodes: { readonly node: Node; readonly parent: Node | undefined; readonly key: string }[] = []
  const visit = (value: unknown, parent: Node | undefined, key: string): void => {
    if (Array.isArray(value)) for (const item of value) visit(item, parent, key)
    if (!isNode(value)) return
    nodes.push({ node: value, parent, key })
    for (const [name, child] of Object.entries(value)) visit(child, value, name)
  }
  visit(program, undefined, "")
  const lineOf = (node: Node): number => text.slice(0, node.start).split("\n").length
  const declared = new Set(nodes.flatMap(({ node }) => declaredNames(node)))
  return {
    imports: nodes.flatMap(({ node }) => importsOf(node).map((specifier): Import => ({ specifier, line: lineOf(node) }))),
    globals: nodes
      .filter(({ node, parent, key }) => node.type === "Identifier" && isReference(parent, key) && !declared.has(String(node["name"])))
      .map(({ node, parent }): Use => ({ name: qualified(node, parent), line: lineOf(node) })),
    asynchronous: nodes
      .filter(
        ({ node }) => node["async"] === true || node["await"] === true || node.type === "AwaitExpression" || node["kind"] === "await using",
      )
      .map(({ node }): Use => ({ name: node.type, line: lineOf(node) })),
  }
}

/** Modules named by `import`, `export … from`, `import()`, `import type`, `import("x").T`, `require("x")` and `import x = require("x")`. */
function importsOf(node: Node): readonly (string | undefined)[] {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return [literal(node["source"] ?? node["argument"])]
    case "ExportNamedDeclaration":
      return isNode(node["source"]) ? [literal(node["source"])] : []
    case "TSExternalModuleReference":
      return [literal(node["expression"])]
    case "CallExpression": {
      const { callee, arguments: args } = node
      const isRequire = isNode(callee) && callee.type === "Identifier" && callee["name"] === "require"
      return isRequire && Array.isArray(args) ? [literal(args[0])] : []
    }
    default:
      return []
  }
}

function literal(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === "TSLiteralType") return literal(node["literal"])
  return node.type === "Literal" && typeof node["value"] === "string" ? node["value"] : undefined
}

/**
 * Names that this node declares. They count for the whole file instead of their scope: what the purity rule would miss thereby
 * (a parameter called `process` beside a use of the global) does not compile in core.
 */
function declaredNames(node: Node): readonly string[] {
  if (node.type === "VariableDeclarator") return boundNames(node["id"])
  if (node.type === "CatchClause") return boundNames(node["param"])
  if (/^Import(Default|Namespace)?Specifier$/.test(node.type)) return boundNames(node["local"])
  if (/Function|^Class|^TS(TypeAlias|Interface|TypeParameter)/.test(node.type))
    return [node["id"], node["name"], node["params"]].flatMap(boundNames)
  return []
}

function boundNames(pattern: unknown): readonly string[] {
  if (Array.isArray(pattern)) return pattern.flatMap(boundNames)
  if (!isNode(pattern)) return []
  const { type } = pattern
  if (type === "Identifier") return [String(pattern["name"])]
  if (type === "ObjectPattern") return boundNames(pattern["properties"])
  if (type === "ArrayPattern") return boundNames(pattern["elements"])
  return boundNames(pattern["left"] ?? (type === "RestElement" ? pattern["argument"] : pattern["value"]))
}

/** Whether an identifier at this place refers to a value or type in scope, instead of naming a member. */
function isReference(parent: Node | undefined, key: string): boolean {
  if (parent === undefined) return false
  if (parent.type === "MemberExpression") return key === "object" || parent["computed"] === true
  if (/^(Property|PropertyDefinition|MethodDefinition|TSPropertySignature|TSMethodSignature)$/.test(parent.type))
    return key !== "key" || parent["computed"] === true
  return !(parent.type === "TSQualifiedName" && key === "right")
}

function qualified(node: Node, parent: Node | undefined): string {
  const name = String(node["name"])
  const property = parent?.type === "MemberExpression" ? parent["property"] : undefined
  if (!isNode(property)) return name
  const member = parent?.["computed"] === true ? literal(property) : String(property["name"])
  return member === undefined ? name : `${name}.${member}`
}
