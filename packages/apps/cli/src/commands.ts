import type { CommandSpec, OptionSpec } from "./command.ts"
import { etcdOptions } from "./etcd-options.ts"
import { unlockGenerated } from "./home-options.ts"
import { keyCommands } from "./key-commands.ts"
import { meetingCommands } from "./meeting-commands.ts"
import { piecesCommands } from "./pieces-commands.ts"
import { rootCommands } from "./root-commands.ts"
import { sharesOptions, wordsPassphraseOptions } from "./root/root-options.ts"
import { treeCommands } from "./tree-commands.ts"

const passphraseFile: OptionSpec = {
  flags: "--passphrase-file <FILE>",
  description: "read the passphrase from FILE's first line (`-`: standard input) instead of the terminal",
}
const keyFile: OptionSpec = {
  flags: "--key-file <FILE>",
  description: "the 32 random bytes in FILE lock the keystore instead of a passphrase; init makes the file if missing",
}
const SUITES: readonly string[] = ["aes-256-gcm", "aes-256-gcm-siv", "xchacha20-poly1305", "xsalsa20-poly1305"]
const output: OptionSpec = {
  flags: "-o, --out <FILE>",
  description: "where to write (`-`: standard output); an existing file is never overwritten",
}

/** Every command, in the order of the help. docs/cli.md is generated from this table. */
export const commands: readonly CommandSpec[] = [
  {
    name: "init",
    summary: "make the root key (24 words), the first node and the ledger",
    details:
      "Prints the 24 words once; on a terminal it asks three of them back. With --recover the words, or shares of them, are read instead, for a " +
      "further node of the same cluster or to replace a lost one. The words are the only backup of everything: keep them on paper. A passphrase that " +
      "belongs to the words is not on that paper: without it the words are another root, and nothing can tell which was meant.",
    options: [
      { flags: "--name <NAME>", description: "name of this node in its cluster (default: the host's name)" },
      {
        flags: "--ledger <WHERE>",
        description:
          "`embedded` (default: this node hosts the log), /ip4/…/tcp/…/p2p/… of the node that hosts it, or etcd://HOST:PORT,…/PREFIX",
      },
      ...etcdOptions,
      {
        flags: "--listen <ADDRESS>",
        description: "where other nodes reach this one, e.g. /ip4/192.0.2.7/tcp/7410 (default: /ip4/127.0.0.1/tcp/0)",
      },
      { flags: "--rpc-port <PORT>", description: "TCP port of JSON-RPC on 127.0.0.1 (default: 7411; 0: only the Unix socket)" },
      { flags: "--recover", description: "read existing words instead of making new ones" },
      { flags: "--words-out <FILE>", description: "write the words to FILE (mode 0600) instead of showing them" },
      {
        flags: "--cluster <ID>",
        description: "with --recover: refuse the words of any other cluster (its id, the first digits, or what the sheet's QR code says)",
      },
      { flags: "--words-file <FILE>", description: "with --recover: read the words from FILE (`-`: standard input)" },
      ...sharesOptions.map((option) => ({ ...option, description: `with --recover: ${option.description}` })),
      ...wordsPassphraseOptions,
      passphraseFile,
      keyFile,
      unlockGenerated,
    ],
    examples: [
      "keygrove init --name laptop",
      "keygrove init --recover --name phone --ledger /ip4/192.0.2.7/tcp/7410/p2p/12D3KooW…",
      "keygrove init --name laptop --ledger etcd://10.0.0.1,10.0.0.2,10.0.0.3/keygrove --etcd-ca ca.pem",
      "keygrove init --recover --shares-file share-2-of-3.txt --shares-file share-3-of-3.txt",
    ],
    load: () => import("./commands/init.ts"),
  },
  {
    name: "up",
    summary: "run the node, in the foreground or detached",
    details:
      "Asks for the passphrase on the terminal unless it comes from a file, the node was made with a key file, or it has its pieces at other nodes (`keygrove pieces join`). Those are then asked for " +
      "them, and no passphrase is needed; --passphrase-file or --key-file is used instead when given. While they do not give enough, the node waits, `status` says for whom, and `keygrove unlock` opens it too.",
    options: [
      { flags: "--detach", description: "return as soon as the node serves, and leave it running" },
      { flags: "--locked", description: "start without any secret, and wait for `keygrove unlock`" },
      passphraseFile,
      keyFile,
    ],
    examples: ["keygrove up", "keygrove up --detach --passphrase-file ~/.keygrove-passphrase"],
    load: () => import("./commands/up.ts"),
  },
  {
    name: "down",
    summary: "stop the node and wait until it has ended",
    examples: ["keygrove down"],
    load: () => import("./commands/down.ts"),
  },
  {
    name: "status",
    summary: "state, peers, ledger, policies and what to back up",
    details: "Works while the node is locked (exit status 0) or not running (exit status 6, with what the disk tells).",
    examples: ["keygrove status", "keygrove status --json"],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "console",
    summary: "a link to the console, the node's page in a browser of this machine",
    details:
      "Status, the tree of nodes, trusted clusters, and meetings with a QR code and the camera. The link logs in once and within two minutes; the session ends " +
      "after 15 minutes without use, after 8 hours, on logging out, and when the node is locked or stopped. Whoever has the link first has the session: send it to nobody.",
    options: [{ flags: "--open", description: "open it in the browser as well" }],
    examples: ["keygrove console", "keygrove console --open"],
    load: () => import("./commands/console.ts"),
  },
  {
    name: "id",
    summary: "my shareable identity, kg1…, or a label's card, kgl1…",
    details:
      "Give the identity to whoever wants to grant you a label, and a label's card to whoever shall encrypt to it: a node that starts by it (`keygrove unlock delegate`). Both hold public keys only.",
    options: [{ flags: "--label <LABEL>", description: "the card of a label of this node instead; the label is made when it is new" }],
    examples: ["keygrove id", "keygrove id --label start/server"],
    load: () => import("./commands/id.ts"),
  },
  {
    name: "encrypt",
    summary: "encrypt a file under a label",
    operands: [{ name: "<FILE>", description: "what to encrypt (`-`: standard input)" }],
    options: [
      { flags: "--label <LABEL>", description: "name under which it can be granted, e.g. photos/2026", required: true },
      { ...output, description: `${output.description} (default: FILE.kg)` },
      {
        flags: "--cipher <SUITE>",
        description: "aes-256-gcm (default), aes-256-gcm-siv, xchacha20-poly1305 or xsalsa20-poly1305",
        values: SUITES,
      },
    ],
    examples: ["keygrove encrypt holiday.jpg --label photos/2026", "tar c notes | keygrove encrypt - --label notes > notes.kg"],
    load: () => import("./commands/encrypt.ts"),
  },
  {
    name: "decrypt",
    summary: "decrypt a file of mine or one that was granted to me",
    operands: [{ name: "<FILE>", description: "a .kg file (`-`: standard input)" }],
    options: [{ ...output, description: `${output.description} (default: FILE without .kg)` }],
    examples: ["keygrove decrypt holiday.jpg.kg", "keygrove decrypt - -o - < notes.kg | tar t"],
    load: () => import("./commands/decrypt.ts"),
  },
  {
    name: "rotate",
    summary: "bring files of mine under the current key of their label, as after a rekey",
    details:
      "A directory means all .kg files below it. A file is replaced when its new form is complete; those of other nodes stay as they are. A new header keeps the key of the content, which " +
      "whoever opened the file may have kept: --reencrypt makes a new one. Running it again does what is left.",
    operands: [{ name: "<PATH...>", description: "files, and directories of .kg files" }],
    options: [{ flags: "--reencrypt", description: "encrypt the content anew, instead of giving it a new header" }],
    examples: ["keygrove rotate holiday.jpg.kg", "keygrove rotate --reencrypt ~/shared"],
    load: () => import("./commands/rotate.ts"),
  },
  {
    name: "inspect",
    summary: "show the header of a .kg file; needs no node and no key",
    operands: [{ name: "<FILE>", description: "a .kg file (`-`: standard input)" }],
    examples: ["keygrove inspect holiday.jpg.kg"],
    load: () => import("./commands/inspect.ts"),
  },
  {
    name: "grant",
    summary: "let a reader open a label through m of n proxies until a date",
    operands: [{ name: "<LABEL>", description: "the label to share" }],
    options: [
      {
        flags: "--to <WHO>",
        description: "the reader: an identity, kg1…, or the nickname of a trusted cluster (bob, or bob/phone for one of its nodes)",
        required: true,
      },
      { flags: "-m, --threshold <M>", description: "proxies that must answer", required: true },
      { flags: "-n, --shares <N>", description: "proxies that keep a fragment", required: true },
      {
        flags: "--expires <WHEN>",
        description: "a duration (30d, 12h, 90m, 2w) or an ISO date (2027-01-31, 2027-01-31T18:00:00Z)",
        required: true,
      },
    ],
    examples: ["keygrove grant photos/2026 --to kg1… -m 3 -n 5 --expires 30d"],
    load: () => import("./commands/grant.ts"),
  },
  {
    name: "revoke",
    summary: "end a policy",
    details: "The revocation is on the ledger first; the command returns when enough proxies confirmed that they forgot their fragment.",
    operands: [{ name: "<POLICY>", description: "id of the policy, from `keygrove policy list`" }],
    examples: ["keygrove revoke 6f0c…"],
    load: () => import("./commands/revoke.ts"),
  },
  {
    name: "policy list",
    summary: "policies I granted or may read by",
    examples: ["keygrove policy list"],
    load: () => import("./commands/policy-list.ts"),
  },
  {
    name: "policy show",
    summary: "one policy in full",
    operands: [{ name: "<POLICY>", description: "id of the policy" }],
    examples: ["keygrove policy show 6f0c…"],
    load: () => import("./commands/policy-show.ts"),
  },
  {
    name: "proxy offer",
    summary: "offer to keep fragments for others",
    options: [
      { flags: "--until <WHEN>", description: "how long: a duration (90d) or an ISO date", required: true },
      { flags: "--capacity <N>", description: "how many fragments at most (default: 1000)" },
    ],
    examples: ["keygrove proxy offer --until 90d --capacity 5000"],
    load: () => import("./commands/proxy-offer.ts"),
  },
  {
    name: "proxy status",
    summary: "the offer of this node and the fragments it keeps",
    examples: ["keygrove proxy status"],
    load: () => import("./commands/proxy-status.ts"),
  },
  ...meetingCommands,
  ...rootCommands,
  ...treeCommands,
  ...piecesCommands,
  ...keyCommands,
  {
    name: "ssh-agent",
    summary: "let ssh, git and others sign with named keys, until ^C",
    details:
      "The node serves its ed25519 and p256 keys by the protocol of ssh-agent; the command prints, for a shell, where. Keys that were added with " +
      "--confirm are asked about on this command's terminal, and refused without one. Why the node refused something is in its log.",
    options: [
      {
        flags: "--socket <PATH>",
        description:
          "socket to serve on, mode 0600, in a directory of yours that nobody else may enter (default: ssh-agent.sock in the home)",
      },
    ],
    examples: ["keygrove ssh-agent", "keygrove ssh-agent > agent.sh & # then, once it serves: . ./agent.sh && ssh-add -L"],
    load: () => import("./commands/ssh-agent.ts"),
  },
  {
    name: "ledger status",
    summary: "length, head and host of the log, and this node's snapshot of it",
    examples: ["keygrove ledger status"],
    load: () => import("./commands/ledger-status.ts"),
  },
  {
    name: "ledger log",
    summary: "the entries of the log, newest last",
    options: [
      { flags: "--from <INDEX>", description: "first entry to show (default: the last --limit; with --kind, from the beginning)" },
      { flags: "--limit <N>", description: "how many at most, up to 256 (default: 20)" },
      { flags: "--kind <KIND>", description: "entries of this kind only, such as node, rekey or policy-granted" },
    ],
    examples: ["keygrove ledger log --limit 5", "keygrove ledger log --kind node-revoked"],
    load: () => import("./commands/ledger-log.ts"),
  },
  {
    name: "ledger verify",
    summary: "read the whole log again and believe nothing of it",
    details:
      "Every signature, how each entry chains to the one before, and whether the snapshot that the node starts from is what the entries say. " +
      "Works on the home's own copy, whether or not the node runs; where it runs, the log has to go through the head that it goes by.",
    examples: ["keygrove ledger verify"],
    load: () => import("./commands/ledger-verify.ts"),
  },
  {
    name: "ledger migrate",
    summary: "move the log into etcd, or from there to this node",
    details:
      "Run it while the node is stopped, on the node that hosts the log, or on one that has it in etcd. Every entry is verified on its way; then the place where the log was is " +
      "closed for good, so that nobody appends there any more, and config.json names the new one. What was cut off is gone on with by running it again; a place with another log in it is refused. " +
      "Nodes that follow this one's log go on as before. Of a log that leaves etcd, each other node says in `status` where it went, and the same command takes it there.",
    options: [
      {
        flags: "--to <WHERE>",
        required: true,
        description: "`embedded` (this node hosts the log), or etcd://HOST:PORT,…/PREFIX, or where another node moved it",
      },
      ...etcdOptions,
    ],
    examples: [
      "keygrove ledger migrate --to etcd://10.0.0.1,10.0.0.2,10.0.0.3/keygrove --etcd-ca ca.pem",
      "keygrove ledger migrate --to embedded",
    ],
    load: () => import("./commands/ledger-migrate.ts"),
  },
  {
    name: "ledger snapshot",
    summary: "take a signed snapshot of what the log says, to start from",
    details:
      "The node takes one by itself every 10,000 entries and after each rekey. With --prune it then drops the entries before it from its own copy, but " +
      "those that say who the nodes of clusters are. They cannot be had back from this copy: `ledger log`, `ledger verify`, `ledger migrate`, `node recover` and `node move` need a home that keeps the whole log. " +
      "Nodes that follow this one and lack what was dropped start from its snapshot, if they are of the same cluster; others cannot follow it any more. " +
      "A ledger in etcd has every node's copy and what is in etcd: --prune drops from this node's copy alone, --prune-etcd from etcd, for all nodes, where it puts the snapshot for those that are behind; keep the whole copy of some node. " +
      "It is refused while other clusters are on the ledger. Cut off anywhere, nothing is lost, and the same command goes on. Then compact and defragment etcd (`etcdctl compact`, `etcdctl defrag`), which gives the space back.",
    options: [
      { flags: "--prune", description: "drop from this node's copy what came before the snapshot" },
      { flags: "--prune-etcd", description: "drop from etcd what came before the snapshot, for all nodes of the cluster" },
    ],
    examples: ["keygrove ledger snapshot", "keygrove ledger snapshot --prune", "keygrove ledger snapshot --prune-etcd"],
    load: () => import("./commands/ledger-snapshot.ts"),
  },
  {
    name: "unlock",
    summary: "open the keystore of a node that runs locked; requests, approve: of other nodes; delegate: to a label",
    details:
      "After `keygrove lock`, an idle lock, `keygrove up --locked`, or the end of the keystore. Everything that depends on the keys starts anew; the node's process stays. The passphrase " +
      "goes from the program that reads it to the keystore itself.",
    options: [
      { flags: "--pieces", description: "ask the other nodes, as `up` does, instead of using a passphrase or key file" },
      { flags: "--grant", description: "ask the proxies of the label that opens this node; see `keygrove unlock delegate`" },
      passphraseFile,
      keyFile,
    ],
    examples: ["keygrove unlock", "keygrove unlock --pieces", "keygrove unlock --passphrase-file ~/.keygrove-passphrase"],
    load: () => import("./commands/unlock.ts"),
  },
  {
    name: "lock",
    summary: "wipe the keys from memory and end the keystore; the node goes on without them",
    details: "A locked node keeps following the ledger but opens, grants and re-encrypts nothing until `keygrove unlock`.",
    examples: ["keygrove lock"],
    load: () => import("./commands/lock.ts"),
  },
  {
    name: "rpc-user",
    summary: "make a name and a password with which a program may call JSON-RPC",
    details:
      'Prints an entry for "rpcUsers" of config.json, which the node reads when it starts, and the password, which nothing keeps. Rules of keys and the ' +
      "audit trail call such a program rpc:NAME. It may use named keys within their rules, and nothing else unless --methods says so.",
    operands: [{ name: "<NAME>", description: "a-z, 0-9 and -, at most 32" }],
    options: [
      { flags: "--methods <LIST>", description: "what it may call instead, e.g. key.sign,key.public; see `rpc.discover`" },
      { flags: "--password-out <FILE>", description: "write the password to FILE (mode 0600) instead of showing it" },
    ],
    examples: ["keygrove rpc-user backup", "keygrove rpc-user signer --methods key.sign,key.public --password-out signer.password"],
    load: () => import("./commands/rpc-user.ts"),
  },
  {
    name: "dev",
    summary: "a throw-away grove on this machine until ^C",
    options: [
      { flags: "--nodes <N>", description: "nodes of the cluster, 1–8 (default: 3)" },
      { flags: "--proxies <N>", description: "proxies, each its own cluster, 0–16 (default: 5)" },
    ],
    examples: ["keygrove dev", "keygrove dev --nodes 1 --proxies 3"],
    load: () => import("./commands/dev.ts"),
  },
  {
    name: "completion",
    summary: "print a script with which a shell completes commands, options and key ids",
    operands: [{ name: "<SHELL>", description: "bash, zsh or fish", values: ["bash", "zsh", "fish"] }],
    examples: ["source <(keygrove completion bash)", "keygrove completion zsh > ~/.zfunc/_keygrove", "keygrove completion fish | source"],
    load: () => import("./commands/completion.ts"),
  },
  {
    name: "version",
    summary: "versions of keygrove and Node",
    examples: ["keygrove version"],
    load: () => import("./commands/version.ts"),
  },
]
