import type { ErrorClass, ErrorTable, RefusalData } from "@keygrove/base"
import { commandError, CommandError, cliErrors } from "./errors.ts"
import { exitStatuses } from "@keygrove/base/exit-statuses"

export interface ErrorReport {
  readonly json: boolean
  readonly stderr: { write(text: string): unknown }
  readonly signal: AbortSignal
}

/** Says on standard error what ended a command, in one line or as one JSON object, and returns the exit status of its class. */
export async function reportError(error: unknown, report: ErrorReport): Promise<number> {
  const failure = describe(error, report.signal)
  const message = oneLine(failure.message)
  const line = report.json ? JSON.stringify({ version: 1, code: failure.code, message, data: failure.data }) : `${failure.code}: ${message}`
  report.stderr.write(`${line}\n`)
  if (process.env["KEYGROVE_DEBUG"] === "1")
    report.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return exitStatuses[await classOf(failure)]
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly data: RefusalData
  readonly class: ErrorClass | undefined
}

function describe(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof CommandError) return error
  if (signal.aborted)
    return commandError(
      "INTERRUPTED",
      `stopped by ${typeof signal.reason === "string" ? signal.reason : "a signal"}; nothing half-written was kept`,
    )
  if (!(error instanceof Error))
    return commandError("UNEXPECTED", `a ${typeof error} was thrown; run again with KEYGROVE_DEBUG=1 and report it`)
  if (isCoded(error)) return { code: error.code, message: error.message, data: error.data, class: undefined }
  if ("code" in error && error.code === "ENOSPC")
    return new CommandError("DISK_FULL", "no space left on the disk; free some and run the command again", { class: "failed" })
  return commandError("UNEXPECTED", `${error.message}; run again with KEYGROVE_DEBUG=1 and report it`)
}

/** A `KeygroveError`, recognised by its shape so that no copy of its class needs to be loaded first. */
function isCoded(error: Error): error is Error & { readonly code: string; readonly data: RefusalData } {
  return error.name === "KeygroveError" && "code" in error && typeof error.code === "string" && "data" in error
}

/** The cheapest table first: most failures are the command line's own or a node that does not run. */
async function classOf(failure: Failure): Promise<ErrorClass> {
  if (failure.class !== undefined) return failure.class
  const own: ErrorTable = { ...(await import("keygrove/rpc")).sdkErrors, ...cliErrors }
  return own[failure.code]?.class ?? (await import("./all-errors.ts")).allErrors[failure.code]?.class ?? "failed"
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim()
}
