import { createAtomicFile } from "@keygrove/system"
import type { CommandContext } from "../command.ts"

/**
 * Writes bytes to a new file (mode 0600), which appears only when it is complete, or to standard output for `-`.
 * @throws KeygroveError `OUTPUT_EXISTS`, `OUTPUT_UNWRITABLE`, `DISK_FULL`
 */
export async function deliver(out: string, bytes: Uint8Array, { stdout }: CommandContext): Promise<void> {
  if (out === "-") return await new Promise((resolve) => stdout.write(bytes, () => resolve()))
  await using file = await createAtomicFile(out)
  await file.write(bytes)
  await file.commit()
}
