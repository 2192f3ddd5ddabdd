import { fromHex, unwrap } from "@keygrove/base"
import { decodeLedgerIndex, type LedgerHead } from "@keygrove/ledger"
import { verifyLedger } from "@keygrove/node"
import { AnswerFields, callRpc } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { CommandError } from "../errors.ts"
import { startProgress } from "../progress.ts"

/** `ledger verify`. */
export async function run(_input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const { home, signal, stderr } = context
  const expected = await runningHead(context)
  const count = (entries: number): string => `${entries} entries`
  const started: { progress?: ReturnType<typeof startProgress> } = {}
  using stack = new DisposableStack()
  const onProgress = (done: number, total: number): void => {
    started.progress ??= stack.use(startProgress(stderr, "verifying", total, count))
    started.progress.update(done)
  }
  const verified = await verifyLedger({ home: home.directory, onProgress, ...(expected === undefined ? {} : { expected }) }, { signal })
  if (!verified.ok) throw new CommandError(verified.code, verified.message, verified.data === undefined ? {} : { data: verified.data })
  const { head, signatures, snapshot, voids } = verified.value
  const facts = {
    valid: true,
    length: head.length,
    head: Buffer.from(head.hash).toString("hex"),
    signatures,
    void: voids,
    snapshot: snapshot ?? null,
    running: expected?.length ?? null,
  }
  return { json: facts, text: textOf(facts) }
}

interface Facts {
  readonly length: number
  readonly head: string
  readonly signatures: number
  readonly void: number
  readonly snapshot: number | null
  readonly running: number | null
}

function textOf(facts: Facts): string {
  const lines = [
    `${facts.length} entries with ${facts.signatures} signatures, every one good and in its place`,
    ...(facts.void === 0 ? [] : [`${facts.void} of them have no effect`]),
    ...(facts.snapshot === null ? [] : [`the snapshot at ${facts.snapshot} is what the entries say`]),
    ...(facts.running === null
      ? ["no running node was asked: it does not run, or is not unlocked yet"]
      : [`the running node goes by the same log, to ${facts.running}`]),
    `head ${facts.head}`,
  ]
  return lines.join("\n")
}

/** The head that the home's node goes by; `undefined` when it does not run. */
async function runningHead({ home, signal }: CommandContext): Promise<LedgerHead | undefined> {
  const answer = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "ledger.status", {}, { signal })
  if (!answer.ok) {
    if (answer.code === "NODE_NOT_RUNNING" || answer.code === "KEYSTORE_LOCKED") return undefined
    throw new CommandError(answer.code, answer.message)
  }
  const ledger = new AnswerFields("ledger.status", answer.value)
  return { length: unwrap(decodeLedgerIndex(ledger.number("length"))), hash: unwrap(fromHex(ledger.text("head"))) }
}
