import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The root of this repository. */
export const repository: string = fileURLToPath(new URL("../..", import.meta.url))

/** A throw-away tree in which a test plants a fault. */
export interface Tree extends Disposable {
  readonly root: string
  /** Writes a file, making its folders. */
  write(path: string, text: string): void
  /** Runs a program of node_modules on this tree. */
  run(program: string, args: readonly string[]): { readonly status: number | null; readonly output: string }
}

/** A tree with the given files of this repository copied into it and its node_modules linked. */
export function plantTree(copied: readonly string[] = []): Tree {
  const root = mkdtempSync(join(tmpdir(), "keygrove-repository-"))
  for (const path of copied) cpSync(join(repository, path), join(root, path), { recursive: true })
  symlinkSync(join(repository, "node_modules"), join(root, "node_modules"))
  return {
    root,
    write: (path, text) => {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    },
    run: (program, args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [join(repository, "node_modules", program), ...args], {
        cwd: root,
        encoding: "utf8",
        timeout: 150_000,
      })
      return { status, output: stdout + stderr }
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}
