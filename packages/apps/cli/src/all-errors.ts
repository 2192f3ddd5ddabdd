import type { ErrorTable } from "@keygrove/base"
import { allErrors as nodeErrors } from "@keygrove/node/errors"
import { sdkErrors } from "keygrove/rpc"
import { cliErrors } from "./errors.ts"

/** Every code a command can end with, for its exit status. Loaded only when a command failed. */
export const allErrors: ErrorTable = { ...nodeErrors, ...sdkErrors, ...cliErrors }
