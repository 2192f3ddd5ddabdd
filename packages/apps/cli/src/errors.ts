import type { ErrorClass, ErrorTable, RefusalData } from "@keygrove/base"

export type CliErrorCode =
  | "USAGE_INVALID"
  | "PASSPHRASE_SOURCE_MISSING"
  | "START_FAILED"
  | "STOP_TIMEOUT"
  | "KEY_FORMAT_UNSUPPORTED"
  | "KEY_INPUT_TOO_LARGE"
  | "KEY_SIGNATURE_INVALID"
  | "NOT_CONFIRMED"
  | "ROOT_REKEY_UNDER_WAY"
  | "WORDS_DIFFER"
  | "NODE_EXISTS"
  | "INTERRUPTED"
  | "UNEXPECTED"

/** Codes of the command line itself; what the daemon or the SDK refuses keeps their codes. */
export const cliErrors: ErrorTable<CliErrorCode> = {
  USAGE_INVALID: {
    class: "usage",
    meaning: "The command line has an unknown command or option, or an argument is missing or malformed.",
    remedy: "Run the command with --help and correct it.",
  },
  PASSPHRASE_SOURCE_MISSING: {
    class: "usage",
    meaning: "A passphrase is needed and there is no terminal to ask on.",
    remedy: "Give --passphrase-file FILE, or - for standard input.",
  },
  START_FAILED: {
    class: "failed",
    meaning: "The node ended before it was ready.",
    remedy: "Read the message and the log named in it.",
  },
  STOP_TIMEOUT: {
    class: "failed",
    meaning: "The node did not end in time after it was asked to.",
    remedy: "Look at its log; as a last resort kill the process named in the message, it loses nothing acknowledged.",
  },
  KEY_FORMAT_UNSUPPORTED: {
    class: "usage",
    meaning: "No standard has public keys of that type in that format.",
    remedy: "Give --format hex or raw; a symmetric key has no public part at all.",
  },
  KEY_INPUT_TOO_LARGE: {
    class: "usage",
    meaning: "A file is longer than what a named key takes at once.",
    remedy: "Sign its hash, or encrypt it with keygrove encrypt, which takes any size.",
  },
  KEY_SIGNATURE_INVALID: {
    class: "refused",
    meaning: "No enabled version of the key made this signature of this file.",
    remedy: "Check that file, signature, key and algorithm belong together.",
  },
  NOT_CONFIRMED: {
    class: "refused",
    meaning: "A question before something that cannot be undone was not answered with yes.",
    remedy: "Answer y, or give --yes where there is nobody to ask.",
  },
  ROOT_REKEY_UNDER_WAY: {
    class: "refused",
    meaning: "The root is to be replaced, and that was begun already.",
    remedy: "See how far it is with `keygrove root rekey`, without options.",
  },
  WORDS_DIFFER: {
    class: "refused",
    meaning: "The words given to confirm a meeting are not those that this side shows.",
    remedy: "Trust nobody: somebody may be in between. Begin another meeting and look who is in the room.",
  },
  NODE_EXISTS: {
    class: "refused",
    meaning: "There is or was a node of that name; its keys do not come back.",
    remedy: "Give it new ones with keygrove node replace, or choose another name.",
  },
  INTERRUPTED: {
    class: "interrupted",
    meaning: "The command was interrupted by a signal.",
    remedy: "Run it again; nothing half-written was kept.",
  },
  UNEXPECTED: {
    class: "failed",
    meaning: "Something happened that keygrove has no answer to.",
    remedy: "Report it with the output of the command under KEYGROVE_DEBUG=1.",
  },
}

/** Ends a command with one line on stderr and the exit status of its class. */
export class CommandError extends Error {
  override readonly name: string = "CommandError"
  readonly code: string
  /** Known for the command line's own codes; looked up in the joined table for all others. */
  readonly class: ErrorClass | undefined
  readonly data: RefusalData

  constructor(
    code: string,
    message: string,
    details: { readonly class?: ErrorClass; readonly data?: RefusalData; readonly cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.class = details.class
    this.data = details.data ?? {}
  }
}

/** One of the command line's own refusals. */
export function commandError(
  code: CliErrorCode,
  message: string,
  details: { readonly data?: RefusalData; readonly cause?: unknown } = {},
): CommandError {
  return new CommandError(code, message, { class: cliErrors[code].class, ...details })
}
