import { unwrap } from "@keygrove/base"
import { decodeGeneration, type NodePath } from "@keygrove/hierarchy"
import { AnswerFields } from "keygrove/rpc"
import type { CommandContext, CommandInput, CommandOutcome } from "../command.ts"
import { commandError } from "../errors.ts"
import { createAtomicFile } from "@keygrove/system"
import { terminalQr } from "../meeting/terminal-qr.ts"
import { callNode } from "../node-call.ts"
import { optional } from "../options.ts"
import { fields } from "../text.ts"
import type { Tree } from "./node-tree.ts"
import { signAct } from "./sign-act.ts"

/** Certifies a generation of a node on the ledger and makes its invitation. */
export async function invite(
  input: CommandInput,
  context: CommandContext,
  { generation: number, path, tree }: { readonly tree: Tree; readonly path: NodePath; readonly generation: number },
): Promise<CommandOutcome> {
  const ledger = optional(input, "ledger") ?? (await ledgerAddress(context))
  const generation = unwrap(decodeGeneration(number))
  const act = { kind: "invite", path, generation, ledger } as const
  const out = optional(input, "out")
  // Before anything is signed: an invitation that ends nowhere would have used up its generation.
  await using file = out === undefined || out === "-" ? undefined : await createAtomicFile(out)
  const { index, invitation } = await signAct(input, context, { act, path, signer: "parent", tree })
  if (invitation === undefined) throw commandError("UNEXPECTED", "the ceremony made no invitation; report it with the version of keygrove")
  showQr(invitation, context)
  const facts = { path, generation: number, index, ledger }
  if (file !== undefined && out !== undefined) {
    await file.write(Buffer.from(`${invitation}\n`))
    await file.commit()
    const rows = [
      ["node", `${path}, generation ${number}, certified by entry ${index}`],
      ["invitation", out],
      ["next", `on the new machine: keygrove join ${out}`],
    ] as const
    return { json: { ...facts, out }, text: fields(rows) }
  }
  return { json: { ...facts, invitation }, text: invitation }
}

/** The invitation as a picture that a machine with a camera reads; upper case makes it small, and `join` takes either. */
function showQr(invitation: string, { json, stderr }: CommandContext): void {
  const qr = stderr.isTTY && !json ? terminalQr(invitation.toUpperCase(), stderr.columns) : undefined
  if (qr !== undefined) stderr.write(`${qr}\n`)
}

/** Where others follow the ledger that this node has. */
export async function ledgerAddress(context: CommandContext): Promise<string> {
  const address = new AnswerFields("ledger.status", await callNode(context, "ledger.status")).optionalText("address")
  if (address !== undefined) return address
  throw commandError("USAGE_INVALID", "this node does not tell where others reach its ledger; give --ledger /ip4/…/tcp/…/p2p/…")
}
