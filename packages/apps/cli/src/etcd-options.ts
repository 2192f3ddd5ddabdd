import type { OptionSpec } from "./command.ts"

/** Options of commands that make a home whose ledger may be in etcd. The files are named, never their contents. */
export const etcdOptions: readonly OptionSpec[] = [
  { flags: "--etcd-ca <FILE>", description: "with a ledger in etcd: the authorities' certificates (PEM); the connection is TLS then" },
  { flags: "--etcd-certificate <FILE>", description: "with --etcd-ca: the certificate (PEM) that etcd asks of its clients" },
  { flags: "--etcd-key <FILE>", description: "with --etcd-certificate: its key (PEM, mode 0600)" },
  { flags: "--etcd-user <NAME>", description: "a user of etcd" },
  { flags: "--etcd-password-file <FILE>", description: "with --etcd-user: the password is read from FILE (mode 0600) when the node runs" },
]
