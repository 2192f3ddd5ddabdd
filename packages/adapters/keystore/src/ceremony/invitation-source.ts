import { equalBytes, refuse, type Result, type Secret } from "@keygrove/base"
import { deriveAnchor } from "@keygrove/hierarchy"
import type { VerifiedInvitation } from "@keygrove/ledger"
import type { KeystoreTools } from "../engine.ts"
import type { SourceOptions } from "../inherited-source.ts"
import { Terminal } from "../terminal/terminal.ts"
import { decodeCode, openNodeSecret } from "./invitation-code.ts"
import { readWords } from "./terminal-words.ts"

/** How often a code is asked for on a terminal before it is given up. */
const MAX_TRIES = 3

/** Where the code of an invitation comes from: a descriptor, or the terminal, where `question` asks for it. */
export interface CodeSource {
  readonly descriptor?: number
  readonly question: string
}

/** The node secret of an invitation, opened with its code; refuses another than the one that was certified. Belongs to the caller. */
export async function openInvited(
  tools: KeystoreTools,
  invitation: VerifiedInvitation,
  { descriptor, question }: CodeSource,
  options: SourceOptions,
): Promise<Result<Secret>> {
  const opened =
    descriptor === undefined
      ? await askCode(tools, invitation, { ...options, question })
      : await readCode(tools, invitation, { descriptor, options })
  if (!opened.ok) return opened
  using anchor = deriveAnchor(tools.primitives, opened.value)
  if (equalBytes(anchor.publicKey, invitation.child.anchorKey)) return opened
  opened.value[Symbol.dispose]()
  return refuse(
    "INVITATION_INVALID",
    `the invitation holds another secret than ${invitation.child.path} was certified for; have a new one made`,
  )
}

async function readCode(
  tools: KeystoreTools,
  invitation: VerifiedInvitation,
  { descriptor, options }: { readonly descriptor: number; readonly options: SourceOptions },
): Promise<Result<Secret>> {
  const text = await readWords(descriptor, options)
  const code = text.ok ? decodeCode(text.value) : text
  return code.ok ? openNodeSecret(tools, invitation, code.value) : code
}

async function askCode(
  tools: KeystoreTools,
  invitation: VerifiedInvitation,
  { question, ...options }: SourceOptions & { readonly question: string },
): Promise<Result<Secret>> {
  using terminal = Terminal.openControlling()
  if (terminal === undefined) return refuse("INVITATION_CODE_INVALID", "there is no terminal to ask for the code on; give --code-file FILE")
  for (let triesLeft = MAX_TRIES - 1; ; triesLeft--) {
    const typed = await terminal.askText(question, options)
    if (!typed.ok) return typed
    const code = decodeCode(typed.value)
    const opened = code.ok ? openNodeSecret(tools, invitation, code.value) : code
    if (opened.ok || triesLeft === 0) return opened
    terminal.say(`${opened.message}\n`)
  }
}
