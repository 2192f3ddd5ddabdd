import { posix } from "node:path"
import type { Import, SourceFile } from "./source-file.ts"
import { isTestCode, LAYERS, packageOf, type Workspace, type WorkspacePackage } from "./workspace.ts"

/** One broken rule, at one place. */
export interface Fault {
  readonly rule: "layer" | "undeclared" | "outside" | "test-code" | "banned" | "computed" | "pure" | "synchronous"
  readonly file: string
  readonly line: number
  readonly message: string
}

/** Modules that may not be imported by anybody, tests included, and why. */
const BANNED: readonly { readonly matches: RegExp; readonly reason: string }[] = [
  { matches: /^elliptic($|\/)|^secp256k1\/elliptic/, reason: "elliptic has open signature forgeries (CVE-2025-14505 and others)" },
  { matches: /^secp256k1$/, reason: "it falls back to elliptic in silence; import secp256k1/bindings.js" },
]

/** Ways out of a pure function. Most do not compile in core either; `Date` and `Math.random` are part of the language. */
const IMPURE =
  /^(Date|Math\.random|crypto|fetch|setTimeout|setInterval|setImmediate|queueMicrotask|process|Buffer|console|performance|navigator|window|self|document|global|globalThis|require|eval|Function|WebAssembly|Worker|WeakRef|FinalizationRegistry|Intl|localStorage|SharedArrayBuffer|Atomics|structuredClone|TextEncoder|TextDecoder)($|\.)/

/** Everything wrong with one file. `file` is relative to the root. */
export function judgeFile(workspace: Workspace, file: string, source: SourceFile): readonly Fault[] {
  const own = packageOf(workspace, file)
  const imports = source.imports.flatMap((used) => judgeImport(workspace, { file, own }, used))
  if (own?.layer !== "core" || isTestCode(file)) return imports
  const pure = source.globals
    .filter(({ name }) => IMPURE.test(name))
    .map(({ name, line }): Fault => ({
      rule: "pure",
      file,
      line,
      message: `core is pure, but uses ${name}; take the value as an argument`,
    }))
  const synchronous = source.asynchronous.map(({ name, line }): Fault => {
    return { rule: "synchronous", file, line, message: `core is synchronous, but has ${name}; move it to service` }
  })
  return [...imports, ...pure, ...synchronous]
}

interface Importer {
  readonly file: string
  readonly own: WorkspacePackage | undefined
}

function judgeImport(workspace: Workspace, { file, own }: Importer, { specifier, line }: Import): readonly Fault[] {
  const fault = (rule: Fault["rule"], message: string): readonly Fault[] => [{ rule, file, line, message }]
  if (specifier === undefined)
    return own === undefined || isTestCode(file) ? [] : fault("computed", "the name of an imported module must be a literal")
  const banned = BANNED.find(({ matches }) => matches.test(specifier))
  // A declaration file names the types of a module; nothing of it is loaded.
  if (banned !== undefined && !file.endsWith(".d.ts")) return fault("banned", `${specifier} is banned: ${banned.reason}`)
  if (own === undefined) return []
  const test = isTestCode(file)
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(file), specifier)
    if (test) return []
    if (isTestCode(target)) return fault("test-code", `${specifier} is test code; production files cannot depend on it`)
    return target.startsWith(`${own.folder}/`)
      ? []
      : fault("outside", `${specifier} lies outside ${own.name}; import the package by its name`)
  }
  if (specifier.startsWith("node:")) return own.layer === "core" && !test ? fault("pure", `core is pure, but imports ${specifier}`) : []
  return judgePackage(workspace, { file, own }, { specifier, line })
}

function judgePackage(
  workspace: Workspace,
  { file, own }: { file: string; own: WorkspacePackage },
  used: { specifier: string; line: number },
): readonly Fault[] {
  const name = used.specifier.split("/", used.specifier.startsWith("@") ? 2 : 1).join("/")
  const test = isTestCode(file)
  const faults: Fault[] = []
  if (name !== own.name && !own.dependencies.has(name) && !(test && workspace.devDependencies.has(name))) {
    const where = test ? `${own.folder}/package.json or the root's devDependencies` : `${own.folder}/package.json`
    faults.push({ rule: "undeclared", file, line: used.line, message: `${name} is not declared in ${where}` })
  }
  const target = workspace.packages.find((candidate) => candidate.name === name)
  if (target !== undefined && !test && !mayImport(own, target)) {
    const message =
      own.layer === "adapters" && target.layer === "adapters"
        ? `adapters do not know each other, but ${own.name} imports ${name}; inject it through a port`
        : `imports point downwards only, but ${own.name} (${own.layer}) imports ${name} (${target.layer})`
    faults.push({ rule: "layer", file, line: used.line, message })
  }
  return faults
}

function mayImport(from: WorkspacePackage, to: WorkspacePackage): boolean {
  if (from.name === to.name) return true
  if (from.layer === "adapters" && to.layer === "adapters") return false
  return LAYERS.indexOf(to.layer) <= LAYERS.indexOf(from.layer)
}
