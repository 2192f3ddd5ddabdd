import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs"
import type { Secret } from "@keygrove/base"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { nodeKeys } from "../keys/node-keys.ts"
import { required } from "../options.ts"
import { errnoOf } from "../passphrase-source.ts"

/** `key export ID -o FILE`: the raw secret of a key that was made exportable. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const id = required(input.operands[0], "ID")
  const file = required(input.options["out"], "-o FILE")
  // Opened before the key is asked for: an export that ends nowhere would be in the audit trail all the same.
  const descriptor = create(file)
  try {
    using secret = await nodeKeys(context).export(id, { signal: context.signal })
    write(descriptor, secret, file)
    const json = { id, file, bytes: secret.length }
    const warning = `${file} holds the secret of ${id} itself, ${secret.length} raw bytes: whoever reads it has the key; move it and remove it`
    return { json, text: warning }
  } catch (error) {
    rmSync(file, { force: true })
    throw error
  } finally {
    closeSync(descriptor)
  }
}

function create(file: string): number {
  try {
    return openSync(file, "wx", 0o600)
  } catch (cause) {
    const reason = errnoOf(cause)
    throw reason === "EEXIST"
      ? new CommandError("OUTPUT_EXISTS", `${file} exists already; choose another name, or remove it first`, { cause })
      : new CommandError("OUTPUT_UNWRITABLE", `${file} cannot be written (${reason}); check its directory and permissions`, { cause })
  }
}

/** Straight from the secret's own memory, so that no other copy is made. */
function write(descriptor: number, secret: Secret, file: string): void {
  try {
    secret.expose((bytes) => {
      for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written)
    })
    fsyncSync(descriptor)
  } catch (cause) {
    const reason = errnoOf(cause)
    throw new CommandError(
      reason === "ENOSPC" ? "DISK_FULL" : "OUTPUT_UNWRITABLE",
      `${file} cannot be written (${reason}); free some space or choose another place`,
      { cause },
    )
  }
}
