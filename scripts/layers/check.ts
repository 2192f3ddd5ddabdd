import { globSync } from "node:fs"
import { join } from "node:path"
import { judgeFile, type Fault } from "./rules.ts"
import { readSourceFile } from "./source-file.ts"
import { packageOf, readWorkspace, type Workspace } from "./workspace.ts"

/** The outcome for a whole tree. */
export interface LayerReport {
  readonly files: number
  readonly imports: number
  readonly problems: readonly string[]
}

const SOURCES = ["packages/**/src/**/*.{ts,js}", "packages/**/bin/*.{ts,js}", "{tests,bench,examples,scripts}/**/*.{ts,mjs}"]

/** Judges every source file below `root`. A tree in which nothing is seen, or a package without sources, is a fault by itself. */
export function checkLayers(root: string): LayerReport {
  const workspace = readWorkspace(root)
  const files = globSync(SOURCES, { cwd: root, exclude: (name) => name.endsWith("node_modules") }).toSorted()
  const sources = files.map((file) => ({ file, source: readSourceFile(join(root, file)) }))
  const imports = sources.reduce((sum, { source }) => sum + source.imports.length, 0)
  const faults = sources.flatMap(({ file, source }) => judgeFile(workspace, file, source))
  const unseen = workspace.packages.filter(({ folder }) => !files.some((file) => file.startsWith(`${folder}/`)))
  const edges = sources.flatMap(({ file, source }) => source.imports.map(({ specifier }) => ({ file, specifier })))
  return {
    files: files.length,
    imports,
    problems: [
      ...(files.length === 0 || imports === 0
        ? [`nothing was checked: ${files.length} files and ${imports} imports seen below ${root}`]
        : []),
      ...unseen.map(({ name }) => `unseen: ${name} has no source file`),
      ...faults.map(printFault),
      ...cycles(workspace, edges),
    ],
  }
}

function printFault({ file, line, rule, message }: Fault): string {
  return `${file}:${line}: ${rule}: ${message}`
}

/** Packages that import each other in a ring, production and test code together left out: only what ships counts. */
function cycles(
  workspace: Workspace,
  edges: readonly { readonly file: string; readonly specifier: string | undefined }[],
): readonly string[] {
  const graph = new Map<string, Set<string>>()
  for (const { file, specifier } of edges) {
    const from = packageOf(workspace, file)
    const to = workspace.packages.find(({ name }) => specifier === name || specifier?.startsWith(`${name}/`) === true)
    if (from === undefined || to === undefined || from === to || /\.(test|contract)\.ts$/.test(file)) continue
    graph.set(from.name, (graph.get(from.name) ?? new Set()).add(to.name))
  }
  const reaches = (from: string, to: string, seen: Set<string>): boolean =>
    [...(graph.get(from) ?? [])].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))))
  return [...graph.keys()]
    .filter((name) => reaches(name, name, new Set()))
    .map((name) => `cycle: ${name} reaches itself through its imports`)
}
