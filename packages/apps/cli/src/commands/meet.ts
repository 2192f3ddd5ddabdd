import { createAtomicFile } from "@keygrove/system"
import type { MeetingState } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { confirmed } from "../confirm.ts"
import { commandError, CommandError } from "../errors.ts"
import { callMeeting, whileIn } from "../meeting/follow-meeting.ts"
import { terminalQr } from "../meeting/terminal-qr.ts"
import { optional } from "../options.ts"
import { fields } from "../text.ts"

/** Of a terminal that does not tell its width. */
const UNKNOWN_COLUMNS = 80
/** How long the node may take to end the meeting after ^C. */
const CANCEL_TIMEOUT_MS = 5_000

/** `meet`, `meet CODE` and `meet --meeting ID`. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const begun = await begin(input, context)
  const isAsking = Boolean(context.stdin.isTTY && context.stderr.isTTY)
  try {
    await show(begun, input, context)
    const compared = await whileIn(context, begun, ["waiting", "exchanging"])
    if (compared.phase !== "compare") return outcomeOf(await whileIn(context, compared, ["waiting-for-other"]))
    const words = optional(input, "confirmWords")
    if (words === undefined && !isAsking) return unconfirmed(compared)
    if (words === undefined) await askPerson(compared, context)
    else checkWords(compared, words)
    return outcomeOf(await confirm(compared, input, context))
  } catch (error) {
    // Another name can be given with --meeting; whoever gave up does not leave the other side waiting.
    if (error instanceof CommandError && error.code.startsWith("NICKNAME_")) throw error
    await callMeeting({ home: context.home, signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS) }, "meet.cancel", {
      meeting: begun.meeting,
    }).catch(() => undefined)
    throw error
  }
}

async function begin(input: CommandInput, context: CommandContext): Promise<MeetingState> {
  const [code] = input.operands
  const meeting = optional(input, "meeting")
  if (code !== undefined && meeting !== undefined)
    throw commandError("USAGE_INVALID", "a code begins a meeting and --meeting goes on with one; give one of them")
  if (meeting !== undefined) return await callMeeting(context, "meet.status", { meeting })
  return code === undefined ? await callMeeting(context, "meet.start") : await callMeeting(context, "meet.enter", { code })
}

/** The code, for the other side: as a picture on a terminal, as text anyway. */
async function show({ code, expires }: MeetingState, input: CommandInput, { stderr }: CommandContext): Promise<void> {
  if (code === undefined) return
  const out = optional(input, "codeOut")
  if (out !== undefined) {
    await using file = await createAtomicFile(out)
    await file.write(Buffer.from(`${code}\n`))
    await file.commit()
  }
  const qr = stderr.isTTY ? terminalQr(code.toUpperCase(), stderr.columns > 0 ? stderr.columns : UNKNOWN_COLUMNS) : undefined
  if (qr !== undefined) stderr.write(`${qr}\n`)
  stderr.write(`the other side scans this, or runs: keygrove meet ${code}\n`)
  stderr.write(`it is good once, until ${expires.toLocaleTimeString()}\n`)
}

/** Resolves when a person said that the words are the same; gives up the question when the meeting ends meanwhile. */
async function askPerson(compared: MeetingState, context: CommandContext): Promise<void> {
  const over = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  context.stderr.write(`${describe(compared)}\n`)
  const watched = whileIn({ home: context.home, signal }, compared, ["compare"]).then(
    () => undefined,
    (error: unknown) => {
      if (!signal.aborted) over.abort()
      return error
    },
  )
  try {
    if (await confirmed("does the other side show the same four words?", { ...context, signal })) return
    throw commandError("NOT_CONFIRMED", "the words were not confirmed and nobody is trusted; if they differ, somebody may be in between")
  } catch (error) {
    if (over.signal.aborted && !context.signal.aborted) throw await watched
    throw error
  } finally {
    over.abort()
  }
}

/** Scripts act on words that a person, or the other side's output, gave them. */
function checkWords({ words = [] }: MeetingState, given: string): void {
  const said = given
    .trim()
    .toLowerCase()
    .split(/[\s,-]+/)
  if (said.length === words.length && said.every((word, index) => word === words[index])) return
  throw commandError("WORDS_DIFFER", "the words are not those of this meeting, so nobody is trusted; somebody may be in between")
}

async function confirm({ meeting }: MeetingState, input: CommandInput, context: CommandContext): Promise<MeetingState> {
  const nickname = optional(input, "name")
  const now = await callMeeting(context, "meet.confirm", nickname === undefined ? { meeting } : { meeting, nickname })
  if (now.phase === "waiting-for-other" && context.stderr.isTTY) context.stderr.write("confirmed; waiting for the other side\n")
  return await whileIn(context, now, ["waiting-for-other"])
}

function unconfirmed(state: MeetingState): CommandOutcome {
  const { meeting, other, phase, words = [] } = state
  const next = `keygrove meet --meeting ${meeting} --confirm-words "${words.join(" ")}"`
  return {
    json: { meeting, phase, words, other: { cluster: other?.cluster ?? null, path: other?.path ?? null } },
    text: `${describe(state)}\nwhen the other side shows the same words: ${next}`,
  }
}

function outcomeOf({ meeting, other, phase }: MeetingState): CommandOutcome {
  const name = other?.nickname ?? null
  return {
    json: { meeting, phase, other: { cluster: other?.cluster ?? null, path: other?.path ?? null, nickname: name } },
    text: `cluster ${other?.cluster ?? "unknown"}${name === null ? "" : ` (${name})`} is trusted now, and all nodes of this one learn it`,
  }
}

function describe({ other, words = [] }: MeetingState): string {
  return fields([
    ["other side", `${other?.path ?? "unknown"} of cluster ${other?.cluster ?? "unknown"}`],
    ["words", words.join(" ")],
  ])
}
