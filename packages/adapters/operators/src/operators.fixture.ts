import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { ok, unwrap, utf8, type Result } from "@keygrove/base"
import { decodeOperatorName, type OperatorOutput, type OperatorSetting } from "@keygrove/keys"
import type { OperatorReturn } from "@keygrove/service"
import { openOperators, type OperatorWorkers } from "./operator-workers.ts"

const workerPath = fileURLToPath(new URL("worker/operator-worker.ts", import.meta.url))
const signal = new AbortController().signal

/** Modules in a folder of their own, which goes with it. */
export class ModuleFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "keygrove-operators-"))

  /** Writes a module; the setting that registers it for everything. */
  add(name: string, source: string | Uint8Array, setting: Partial<OperatorSetting> = {}): OperatorSetting {
    writeFileSync(join(this.path, `${name}.mjs`), source)
    const output: OperatorOutput = { kind: "boolean" }
    return {
      name: unwrap(decodeOperatorName(name)),
      module: `${name}.mjs`,
      sha256: createHash("sha256").update(source).digest("hex"),
      types: ["aes256"],
      keys: ["*"],
      output,
      ...setting,
    }
  }

  async open(...settings: readonly OperatorSetting[]): Promise<Result<OperatorWorkers>> {
    return await openOperators({ settings, directory: this.path, workerPath }, { signal })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

/** What a use came to, and the memory that the secret was lent in. */
export interface TriedUse {
  readonly result: Result<OperatorReturn>
  readonly lent: Uint8Array | undefined
}

/** Uses an operator on a secret of 32 bytes. */
export async function tryUse(
  workers: OperatorWorkers,
  name: string,
  {
    aborting = signal,
    input = "input",
    secret = new Uint8Array(32).fill(7),
  }: { readonly aborting?: AbortSignal; readonly input?: string; readonly secret?: Uint8Array } = {},
): Promise<TriedUse> {
  const held: { lent?: Uint8Array } = {}
  const result = await workers.run(
    {
      operator: unwrap(decodeOperatorName(name)),
      input: utf8(input),
      secretBytes: secret.length,
      lend: (into) => {
        held.lent = into
        into.set(secret)
        return ok(true)
      },
    },
    { signal: aborting },
  )
  return { result, lent: held.lent }
}
