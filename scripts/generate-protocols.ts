import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * `node scripts/generate-protocols.ts [--check]`: writes what is made from `.proto` files, or says that it is not what they say. Wants `protoc`; without it `--check`
 * compares nothing and says so, because `npm run verify` installs it.
 */
const root = fileURLToPath(new URL("..", import.meta.url))
const source = `${root}packages/adapters/etcd/src`
const made = "etcd_pb.ts"
const check = process.argv.includes("--check")
const hasCompiler = spawnSync("protoc", ["--version"]).status === 0
if (hasCompiler) compareOrWrite()
else {
  console.error("protoc is missing, so nothing was made or compared; install the package protobuf-compiler")
  process.exitCode = check ? 0 : 1
}

function compareOrWrite(): void {
  const directory = mkdtempSync(join(tmpdir(), "keygrove-protocols-"))
  try {
    generate(directory)
    const isSame = read(join(directory, made)) === read(join(source, made))
    if (check && !isSame) {
      console.error(`${made} is not what etcd.proto says; run npm run protocols`)
      process.exitCode = 1
    } else if (!isSame) copyFileSync(join(directory, made), join(source, made))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function generate(directory: string): void {
  const plugin = `--plugin=protoc-gen-es=${root}node_modules/.bin/protoc-gen-es`
  // The plugin runs on this Node, whichever the system has.
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env["PATH"] ?? ""}` }
  const options = ["-I", source, plugin, `--es_out=${directory}`, "--es_opt=target=ts,erasable_syntax=true", "etcd.proto"]
  const { status, stderr } = spawnSync("protoc", options, { encoding: "utf8", env })
  if (status !== 0) throw new Error(`protoc: ${stderr}`)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}
