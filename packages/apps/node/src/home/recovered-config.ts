import { resolve } from "node:path"
import type { NodeConfig } from "./config.ts"
import { withPaths } from "./etcd-setting.ts"
import { ledgerRoleOf } from "./ledger-role.ts"
import type { RecoveredNode, RecoverOptions } from "./recover.ts"

type Chosen = Pick<RecoverOptions, "etcd" | "followsAnyway" | "keyFile" | "ledger" | "listen" | "rpcPort">

/** The configuration of a recovered home, by which it starts. A node that is none any more follows nobody, unless it is told to. */
export function recoveredConfig(
  { etcd, followsAnyway, keyFile, ledger = "copy", listen, rpcPort }: Chosen,
  standing: RecoveredNode["standing"],
): NodeConfig {
  const place = standing === "member" || followsAnyway === true ? ledger : "copy"
  return {
    version: 1,
    ledger: place,
    ...(etcd === undefined || ledgerRoleOf(place) !== "etcd" ? {} : { etcd: withPaths(etcd, (path) => resolve(path)) }),
    listen,
    rpcPort,
    ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }),
  }
}
