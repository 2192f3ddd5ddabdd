import { resolve } from "node:path"
import { ok, refuse, type Result, type Shape } from "@keygrove/base"
import type { EtcdAccess, EtcdAddress } from "@keygrove/etcd"
import * as v from "valibot"
import { ledgerRoleOf } from "./ledger-role.ts"

/** How etcd is reached, as files. Paths are relative to the home directory. */
export interface EtcdSetting {
  /** PEM certificates of the authorities that etcd's certificates are of; with it, the connection is TLS. */
  readonly caFile?: string
  /** PEM certificate that etcd asks of its clients, and its key. */
  readonly certificateFile?: string
  /** Only its owner may read it. */
  readonly keyFile?: string
  /** A user of etcd. */
  readonly user?: string
  /** File with the user's password, which only its owner may read. */
  readonly passwordFile?: string
}

const path = v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))

/** Shape of {@link EtcdSetting}. */
export const etcdSettingShape: Shape<EtcdSetting> = v.strictObject({
  caFile: v.exactOptional(path),
  certificateFile: v.exactOptional(path),
  keyFile: v.exactOptional(path),
  user: v.exactOptional(v.pipe(v.string(), v.minLength(1), v.maxLength(256))),
  passwordFile: v.exactOptional(path),
})

/** What of an etcd ledger's configuration does not fit together; `undefined` when all does. */
export function misfitOfEtcd({ caFile, certificateFile, keyFile, passwordFile, user }: EtcdSetting): string | undefined {
  if ((certificateFile === undefined) !== (keyFile === undefined)) return "a certificate and its key go together; name both, or none"
  if ((user === undefined) !== (passwordFile === undefined)) return "a user and the file of the password go together; name both, or none"
  if (certificateFile !== undefined && caFile === undefined)
    return "a certificate is shown over TLS only; name the file of the authorities as well"
  return undefined
}

/** The address and the files of a ledger in etcd, read and checked; `directory` is what the paths are relative to. Loads the adapter. */
export async function readEtcdSetting(
  ledger: string,
  setting: EtcdSetting,
  directory: string,
): Promise<Result<{ readonly address: EtcdAddress; readonly access: EtcdAccess }>> {
  const { isLoopback, parseEtcdAddress, readEtcdAccess } = await import("@keygrove/etcd")
  const address = parseEtcdAddress(ledger)
  if (!address.ok) return address
  const misfit = misfitOfEtcd(setting)
  if (misfit !== undefined) return refuse("CONFIG_INVALID", `etcd: ${misfit}`)
  if (setting.user !== undefined && setting.caFile === undefined && !address.value.endpoints.every(isLoopback))
    return refuse("CONFIG_INVALID", "etcd: a password goes to another machine over TLS only; name the file of the authorities as well")
  const access = readEtcdAccess(withPaths(setting, (each) => resolve(directory, each)))
  return access.ok ? ok({ address: address.value, access: access.value }) : access
}

/** Whether a home may be made with this: a ledger in etcd has an address, and files that can be read; paths are relative to the working directory. Nothing is contacted. */
export async function checkLedgerSetting(ledger: string, etcd: EtcdSetting | undefined): Promise<Result<unknown>> {
  if (ledgerRoleOf(ledger) === "etcd") return await readEtcdSetting(ledger, etcd ?? {}, process.cwd())
  return etcd === undefined
    ? ok(true)
    : refuse("CONFIG_INVALID", `certificates and users of etcd are for a ledger in etcd, not for ${ledger}`)
}

/** The setting with its paths changed. */
export function withPaths({ user, ...files }: EtcdSetting, change: (path: string) => string): EtcdSetting {
  const changed = Object.entries(files).map(([name, each]) => [name, change(each)] as const)
  return { ...Object.fromEntries(changed), ...(user === undefined ? {} : { user }) }
}
