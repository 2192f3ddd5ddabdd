import type { ErrorTable } from "@keygrove/base"

export type EtcdErrorCode = "ETCD_ADDRESS_INVALID" | "ETCD_FILE_UNREADABLE"

/** Codes of ledgers in etcd, beside those of every ledger engine. */
export const etcdErrors: ErrorTable<EtcdErrorCode> = {
  ETCD_ADDRESS_INVALID: {
    class: "usage",
    meaning: "The address of a ledger in etcd is none.",
    remedy: "Write etcd://HOST:PORT,HOST:PORT,HOST:PORT/PREFIX, with the client port of each member; the port is 2379 when missing.",
  },
  ETCD_FILE_UNREADABLE: {
    class: "failed",
    meaning: "A file with a certificate, a key or the password for etcd cannot be read, or others can read the key or the password.",
    remedy: "Check the paths of etcd in config.json; chmod 600 the key and the password.",
  },
}
