import type { ErrorTable } from "@keygrove/base"
import { cryptoErrors } from "@keygrove/crypto"
import { hierarchyErrors } from "@keygrove/hierarchy"
import { fileErrors, umbralErrors } from "@keygrove/reencryption"
import { systemErrors } from "@keygrove/system"
import { sdkErrors } from "keygrove/rpc"
import { cliErrors } from "./errors.ts"

/** Every code a command can end with, for its exit status. Loaded only when a command failed. */
export const allErrors: ErrorTable = {
  ...cryptoErrors,
  ...hierarchyErrors,
  ...fileErrors,
  ...umbralErrors,
  ...systemErrors,
  ...sdkErrors,
  ...cliErrors,
}
