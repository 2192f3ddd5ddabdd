import { rmSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import {
  openRpcDocument,
  type ApiParams,
  type ConsoleLink,
  type LockedNodeStatus,
  type MethodName,
  type PiecesUnlocking,
} from "@keygrove/api"
import { ok, refuse, type Result } from "@keygrove/base"
import type { Caller } from "@keygrove/keys"
import type { KeyCall } from "@keygrove/service"
import type { ConsoleDesk } from "../console/console-desk.ts"
import { isOfferSocket } from "../home/hand-over.ts"
import { readHomeEpoch } from "../home/home-epoch.ts"
import { readHomeFacts } from "../home/home-facts.ts"
import type { Home } from "../home/home.ts"
import type { NodePhases } from "../phases/node-phases.ts"
import { grantText } from "../phases/grant-unlocking.ts"
import { piecesText, type PiecesProgress } from "../phases/pieces-unlocking.ts"
import type { KeystoreSources } from "../runtime/open-keystore.ts"
import { VERSION } from "../version.ts"

/** What every call works on, in whatever phase the node is. */
export interface NodeMethods {
  readonly home: Home
  readonly phases: NodePhases
  readonly console: Pick<ConsoleDesk, "makeLink">
  readonly startedAt: number
  /** Ends the node in order, after the answer. */
  stop(): void
}

type Handler<M extends MethodName> = (
  methods: NodeMethods,
  params: ApiParams[M],
  call: KeyCall,
) => Promise<Result<unknown>> | Result<unknown>

type PhaseMethodName = "node.stop" | "node.unlock" | "console.link" | "rpc.discover"

/** What does not depend on what is open: it is done while the node is started anew, too. */
export const phaseHandlers: { readonly [M in PhaseMethodName]: Handler<M> } = {
  "node.stop": (methods) => {
    methods.stop()
    return ok({ state: "stopping" })
  },
  "node.unlock": unlock,
  "console.link": (methods, _params, { caller }) => consoleLink(methods, caller),
  "rpc.discover": () => ok(openRpcDocument(VERSION)),
}

/** What a node answers that was not unlocked yet. */
const lockedHandlers: { readonly [M in MethodName]?: Handler<M> } = { ...phaseHandlers, "node.status": lockedStatus }

/** Whether a method is performed past the node that is open. */
export function isPhaseMethod(method: MethodName): boolean {
  return Object.hasOwn(phaseHandlers, method)
}

/** Performs a call on a node that was not unlocked yet since it was started. */
export async function performLocked<M extends MethodName>(
  methods: NodeMethods,
  method: M,
  params: ApiParams[M],
  call: KeyCall,
): Promise<Result<unknown>> {
  const handler: Handler<M> | undefined = lockedHandlers[method]
  if (handler !== undefined) return await handler(methods, params, call)
  return refuse("KEYSTORE_LOCKED", "the node is not unlocked yet; `keygrove unlock` opens it, and `keygrove status` says what it waits for")
}

/** Not for RPC users, whatever their `methods` say: a session may do what its own list says, and acts as whoever made the link. */
function consoleLink({ console }: NodeMethods, caller: Caller): Result<ConsoleLink> {
  if (caller.startsWith("rpc:"))
    return refuse("RPC_NOT_ALLOWED", `${caller} may not make links; the node's owner does, by \`keygrove console\``)
  return console.makeLink(caller)
}

async function lockedStatus({ home, phases, startedAt }: NodeMethods, _params: unknown, call: KeyCall): Promise<Result<LockedNodeStatus>> {
  const facts = readHomeFacts(home.directory)
  if (!facts.ok) return facts
  const keys = await readHomeEpoch(home.directory, call)
  if (!keys.ok) return keys
  const { grant, pieces, problem, state } = phases
  const warning = problem === undefined ? [] : [`the last try to unlock it failed: ${problem.code}: ${problem.message}`]
  return ok({
    version: VERSION,
    state: state === "serving" ? "unlocking" : state,
    id: keys.value.id,
    cluster: facts.value.cluster,
    path: facts.value.path,
    epoch: keys.value.epoch,
    pid: process.pid,
    startedAt,
    unlocks: facts.value.unlocks,
    unlocking: pieces === undefined ? null : unlockingFacts(pieces),
    delegation: grant === undefined ? null : { ...grant, policy: grant.policy ?? null, text: grantText(grant) },
    warnings: warning,
  })
}

function unlockingFacts({ problem, ...pieces }: PiecesProgress): PiecesUnlocking {
  return {
    ...pieces,
    problem: problem === undefined ? null : { code: problem.code, message: problem.message },
    text: piecesText({ ...pieces, ...(problem === undefined ? {} : { problem }) }),
  }
}

async function unlock({ home, phases }: NodeMethods, params: ApiParams["node.unlock"], { signal }: KeyCall): Promise<Result<unknown>> {
  const { byGrant = false, byPieces = false, keyFile, passphraseSocket } = params
  if (byGrant && (byPieces || keyFile !== undefined || passphraseSocket !== undefined))
    return refuse("RPC_PARAMS_INVALID", "a grant needs neither pieces, a passphrase nor a key file", { name: "byGrant" })
  if (byPieces && (keyFile !== undefined || passphraseSocket !== undefined))
    return refuse("RPC_PARAMS_INVALID", "peers need neither a passphrase nor a key file", { name: "byPieces" })
  if (byPieces || byGrant) {
    const begun = phases.unlockByOthers(byPieces ? "pieces" : "delegated")
    return begun.ok ? ok({ state: "unlocking", path: null }) : begun
  }
  if (keyFile !== undefined && passphraseSocket !== undefined)
    return refuse("RPC_PARAMS_INVALID", "give either a passphrase or a key file, not both", { name: "keyFile" })
  // The node has a working directory of its own.
  if (keyFile !== undefined && !isAbsolute(keyFile))
    return refuse("RPC_PARAMS_INVALID", 'the parameter "keyFile" must be an absolute path', { name: "keyFile" })
  if (passphraseSocket === undefined) return await unlockedState(phases, keyFile === undefined ? {} : { keyFile }, signal)
  if (!isOfferSocket(passphraseSocket))
    return refuse("RPC_PARAMS_INVALID", 'the parameter "passphraseSocket" must be u- and six hex digits', { name: "passphraseSocket" })
  try {
    return await unlockedState(phases, { passphraseSocket }, signal)
  } finally {
    rmSync(join(home.directory, passphraseSocket), { force: true })
  }
}

async function unlockedState(phases: NodePhases, sources: KeystoreSources, signal: AbortSignal): Promise<Result<unknown>> {
  const unlocked = await phases.unlock(sources, { signal })
  return unlocked.ok ? ok({ state: "serving", path: unlocked.value.keystore.identity().path }) : unlocked
}
