import type { ErrorTable } from "@keygrove/base"
import { sdkFileErrors, type SdkFileErrorCode } from "./files/errors.ts"
import { rpcErrors } from "./rpc/errors.ts"
import type { RpcFailureCode } from "./rpc/rpc-client.ts"

/** Every code of this package. */
export const sdkErrors: ErrorTable<SdkFileErrorCode | RpcFailureCode> = { ...sdkFileErrors, ...rpcErrors }
