import { decodeClusterId, decodeNodePath, type ClusterId, type NodePath } from "@keygrove/hierarchy"
import type { EtcdSetting } from "@keygrove/node/etcd-setting"
import { checkHome, homeOf } from "@keygrove/node/home"
import { readHomeFacts } from "@keygrove/node/home-facts"
import { AnswerFields, callRpc } from "keygrove/rpc"
import type { CommandContext } from "../command.ts"
import { CommandError } from "../errors.ts"

/** What a home is to the recovery of a node: where the ledger is, and perhaps the secret that the node descends from. */
export interface RecoveryHome {
  readonly path: NodePath
  readonly cluster: ClusterId
  readonly ledgerFile: string
  /** `embedded`, `copy`, etcd://…, or the address of its host. */
  readonly ledger: string
  /** How that is reached where it is in etcd. */
  readonly etcd?: EtcdSetting
  /** Unlocks it instead of a passphrase. */
  readonly keyFile?: string
}

/**
 * Reads the home of this command, which need not run.
 * @returns `undefined` when there is none: a node can be recovered from the words and a ledger alone.
 * @throws CommandError what another home refuses, with its own code.
 */
export function recoveryHome({ home: { directory } }: CommandContext): RecoveryHome | undefined {
  const home = checkHome(homeOf(directory))
  if (!home.ok && home.code === "HOME_MISSING") return undefined
  const facts = readHomeFacts(directory)
  if (!facts.ok) throw new CommandError(facts.code, facts.message)
  const [path, cluster] = [decodeNodePath(facts.value.path), decodeClusterId(facts.value.cluster)]
  if (!path.ok) throw new CommandError(path.code, path.message)
  if (!cluster.ok) throw new CommandError(cluster.code, cluster.message)
  const { etcd, ledger, unlocks } = facts.value
  const keyFile = unlocks.keyFile === null ? {} : { keyFile: unlocks.keyFile }
  return {
    path: path.value,
    cluster: cluster.value,
    ledgerFile: homeOf(directory).ledger,
    ledger,
    ...(etcd === undefined ? {} : { etcd }),
    ...keyFile,
  }
}

/** Where a new home follows the ledger that this one has; `undefined` when that cannot be told, as of a host that does not run. */
export async function ledgerOfHome({ home, signal }: CommandContext, { ledger }: RecoveryHome): Promise<string | undefined> {
  if (ledger !== "embedded") return ledger === "copy" ? undefined : ledger
  const answer = await callRpc({ socketPath: home.socket, cookiePath: home.cookie }, "ledger.status", {}, { signal })
  return answer.ok ? new AnswerFields("ledger.status", answer.value).optionalText("address") : undefined
}
