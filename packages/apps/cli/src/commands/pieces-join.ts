import { setTimeout as delay } from "node:timers/promises"
import { decodePieces, type PiecesMember, type PiecesState } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError, CommandError } from "../errors.ts"
import { callNode } from "../node-call.ts"
import { optional, repeated } from "../options.ts"
import { bootKeyChoice, chooseBootKey } from "../pieces/boot-key-option.ts"

/** How often the node is asked how far it is. */
const LOOK_MS = 250
/** How long the node may take to undo what it began. */
const LEAVE_TIMEOUT_MS = 60_000

/** `pieces join`: returns when this node can be unlocked by its pieces, or when it depends on others who have to join first. */
export async function run(input: CommandInput, context: CommandContext): Promise<CommandOutcome> {
  const unlock = optional(input, "unlock")
  if (unlock !== undefined && unlock !== "auto" && unlock !== "approve")
    throw commandError("USAGE_INVALID", `--unlock is auto or approve, got "${unlock}"`)
  const choice = bootKeyChoice(input)
  const before = decodePieces("pieces.status", await callNode(context, "pieces.status", { ask: false }))
  const terms = { ...(unlock === undefined ? {} : { unlock }), ...evidenceTerms(input) }
  if (choice !== undefined) await chooseBootKey(choice, context)
  const begun = decodePieces("pieces.join", await callNode(context, "pieces.join", terms))
  const done = await followJoining(begun, context).catch(async (error: unknown) => {
    // Nothing is left of a node that was not a member before, and whose person gave up.
    if (context.signal.aborted && !before.isMember)
      await callNode({ home: context.home, signal: AbortSignal.timeout(LEAVE_TIMEOUT_MS) }, "pieces.leave")
    throw error
  })
  const outcome = done.joining?.state === "waiting" ? waiting(done) : joined(done)
  return choice === undefined ? outcome : { ...outcome, json: { ...outcome.json, bootKey: choice } }
}

/** What is asked of this machine. */
function evidenceTerms(input: CommandInput): Readonly<Record<string, string>> {
  const [evidence, pcrs] = [optional(input, "evidence"), optional(input, "pcrs")]
  const digests = repeated(input, "acceptDigest")
  if (evidence !== undefined && evidence !== "tpm2" && evidence !== "none")
    throw commandError("USAGE_INVALID", `--evidence is tpm2 or none, got "${evidence}"`)
  if (evidence !== "tpm2" && (pcrs !== undefined || digests.length > 0))
    throw commandError("USAGE_INVALID", "--pcrs and --accept-digest are about evidence; give --evidence tpm2 with them")
  return {
    ...(evidence === undefined ? {} : { evidence }),
    ...(pcrs === undefined ? {} : { pcrs }),
    ...(digests.length === 0 ? {} : { acceptDigests: digests.join(",") }),
  }
}

function joined({ generation, members, nodes, path }: PiecesState): CommandOutcome {
  const member = nodes.find((node) => node.path === path)
  const own = member?.sharings.find((each) => each.generation === generation?.generation)
  const [holders, needed, number] = [own?.holders.length ?? 0, own?.needed ?? 0, generation?.generation ?? 0]
  return {
    json: { state: "joined", path, members, generation: number, holders, needed, evidence: member?.evidence ?? null },
    text: `${path} is a member: ${holders} nodes keep its pieces, any ${needed} open it when it restarts (key generation ${number})${evidenceText(member)}`,
  }
}

function evidenceText(member: PiecesMember | undefined): string {
  if (member === undefined || member.evidence === null) return ""
  const { digests, pcrs } = member.evidence
  const others = digests.length === 1 ? "" : ` or ${digests.length - 1} more`
  return `\nthey ask for evidence of this machine: registers ${pcrs.join(",")} with the digest ${digests[0] ?? ""}${others}`
}

function waiting({ fewest, members, path }: PiecesState): CommandOutcome {
  const more = fewest - members
  return {
    json: { state: "waiting", path, members, fewest },
    text: `${path} is a member, ${members} of the ${fewest} that there must be: run \`keygrove pieces join\` on ${more} more ${more === 1 ? "node" : "nodes"}; what follows goes by itself`,
  }
}

/** Tells each of the three steps once: own pieces are at a majority, others' are here, and a key generation with this node is complete. */
async function followJoining(begun: PiecesState, context: CommandContext): Promise<PiecesState> {
  const { signal, stderr } = context
  let told = ""
  for (let now = begun; ;) {
    const { joining } = now
    if (joining === null) return now
    if (joining.problem !== null) throw new CommandError(joining.problem.code, joining.problem.message)
    if (joining.state !== "running") return now
    const step = stepText(joining)
    if (step !== told && !context.json) stderr.write(`${step}\n`)
    told = step
    await delay(LOOK_MS, undefined, { signal })
    now = decodePieces("pieces.status", await callNode(context, "pieces.status", { ask: false }))
  }
}

function stepText({ given, missing, needed, others, received, step }: NonNullable<PiecesState["joining"]>): string {
  const waits = missing.length === 0 ? "" : `; not yet with ${missing.join(", ")}`
  if (step === "announced") return `1 of 3: ${given} of ${needed} nodes that are needed keep a piece of this one${waits}`
  if (step === "distributed") return `2 of 3: this node keeps pieces of ${received} others, of ${others} that are needed${waits}`
  if (step === "received") return "3 of 3: waiting until a majority has shared in the new key generation"
  return "this node is on the ledger as a member"
}
