import type { NamedKeyType } from "keygrove/rpc"
import { commandError } from "../errors.ts"
import type { CommandInput } from "../command.ts"
import { required } from "../options.ts"

const TYPES: readonly NamedKeyType[] = ["ed25519", "x25519", "secp256k1", "p256", "bls12-381", "aes256"]

/**
 * `--type T` of a key that is to be made.
 * @throws CommandError `USAGE_INVALID`
 */
export function keyTypeOption(input: CommandInput): NamedKeyType {
  const asked = required(input.options["type"], "--type")
  const type = TYPES.find((each) => each === asked)
  if (type === undefined) throw commandError("USAGE_INVALID", `--type must be ${TYPES.join(", ")}, got "${asked.slice(0, 40)}"`)
  return type
}
