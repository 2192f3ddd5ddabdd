import type { EtcdSetting } from "@keygrove/node/etcd-setting"
import type { CommandInput } from "./command.ts"
import { optional } from "./options.ts"

/** Values of `etcdOptions`, if any is given. */
export function etcdSetting(input: CommandInput): { readonly etcd?: EtcdSetting } {
  const named = {
    caFile: optional(input, "etcdCa"),
    certificateFile: optional(input, "etcdCertificate"),
    keyFile: optional(input, "etcdKey"),
    user: optional(input, "etcdUser"),
    passwordFile: optional(input, "etcdPasswordFile"),
  }
  const given = Object.entries(named).filter(([, value]) => value !== undefined)
  return given.length === 0 ? {} : { etcd: Object.fromEntries(given) }
}
