import { mkdirSync, statfsSync } from "node:fs"
import { run } from "./run.ts"

/** Room for the files of one machine, in memory. A member of etcd alone lays out two files of 64 MB each. */
const SIZE = 512 * 1024 * 1024
/** Looks at how much is on a disk to which somebody writes. */
const TRIES = 50

/** A disk of one machine's own, in memory; gone with the process's namespaces. What is killed loses nothing by that: only a power cut would. */
export class Disk {
  readonly path: string

  constructor(path: string) {
    this.path = path
    mkdirSync(path, { recursive: true })
    run("mount", "-t", "tmpfs", "-o", `size=${SIZE},mode=0700`, "tmpfs", path)
  }

  /** Makes the disk as small as what is on it: from now on it is full, until disposal. */
  fill(): Disposable {
    for (let attempt = 1; !this.#shrink(); attempt++) if (attempt === TRIES) throw new Error(`${this.path} grows faster than it is filled`)
    return { [Symbol.dispose]: () => this.#resize(SIZE) }
  }

  /** Whether it is as small as what is on it; not when that has grown between the look and the act. */
  #shrink(): boolean {
    const { bfree, blocks, bsize } = statfsSync(this.path)
    try {
      // One block at least: a size of 0 is no limit to tmpfs.
      this.#resize(Math.max(1, blocks - bfree) * bsize)
      return true
    } catch {
      return false
    }
  }

  #resize(bytes: number): void {
    run("mount", "-o", `remount,size=${bytes}`, this.path)
  }
}
