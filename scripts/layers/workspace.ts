import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as v from "valibot"

/** The layers from the lowest to the highest; a package may import from its own layer and from lower ones. */
export const LAYERS = ["core", "service", "adapters", "apps"] as const
export type Layer = (typeof LAYERS)[number]

/** One workspace package. */
export interface WorkspacePackage {
  readonly name: string
  readonly layer: Layer
  /** Relative to the root of the repository, with forward slashes. */
  readonly folder: string
  readonly dependencies: ReadonlySet<string>
}

/** What the rules look at. */
export interface Workspace {
  readonly root: string
  readonly packages: readonly WorkspacePackage[]
  /** What code outside packages, and tests, may import besides. */
  readonly devDependencies: ReadonlySet<string>
}

const manifestShape = v.object({
  name: v.string(),
  dependencies: v.optional(v.record(v.string(), v.string()), {}),
  optionalDependencies: v.optional(v.record(v.string(), v.string()), {}),
  devDependencies: v.optional(v.record(v.string(), v.string()), {}),
})

function readManifest(file: string): v.InferOutput<typeof manifestShape> {
  return v.parse(manifestShape, JSON.parse(readFileSync(file, "utf8")))
}

/** Reads the manifests below `root`. Throws when one is malformed or lies in no layer. */
export function readWorkspace(root: string): Workspace {
  const manifests = globSync("packages/{*,*/*}/package.json", { cwd: root }).toSorted()
  const packages = manifests.map((file): WorkspacePackage => {
    const { name, dependencies, optionalDependencies } = readManifest(join(root, file))
    const layer = LAYERS.find((known) => file.split("/")[1] === known)
    if (layer === undefined) throw new Error(`${file} lies in no layer; the layers are ${LAYERS.join(", ")}`)
    return { name, layer, folder: dirname(file), dependencies: new Set(Object.keys({ ...dependencies, ...optionalDependencies })) }
  })
  const rootManifest = join(root, "package.json")
  const devDependencies = existsSync(rootManifest) ? Object.keys(readManifest(rootManifest).devDependencies) : []
  return { root, packages, devDependencies: new Set(devDependencies) }
}

/** The package a file belongs to, or `undefined` for scripts, tests, examples and benchmarks of the root. */
export function packageOf(workspace: Workspace, file: string): WorkspacePackage | undefined {
  return workspace.packages.find(({ folder }) => file.startsWith(`${folder}/`))
}

/** Files that exist to test others: they may combine layers, and no production file may import them. */
export function isTestCode(file: string): boolean {
  return /\.(test|contract)\.ts$|[.-]fixture\.ts$/.test(file) || file.startsWith("tests/")
}
