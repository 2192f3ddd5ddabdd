import type { CommandSpec, OperandSpec, OptionSpec } from "./command.ts"

const KEY_TYPES: readonly string[] = ["ed25519", "x25519", "secp256k1", "p256", "bls12-381", "aes256"]
const newId: OperandSpec = { name: "<ID>", description: "the key: words of a-z, 0-9 and - with / between them, e.g. web/tls" }
const id: OperandSpec = { ...newId, values: "keys" }
const oneVersion: OptionSpec = { flags: "--version <N>", description: "that version instead of the newest" }
const oneOfAll: OptionSpec = { flags: "--version <N>", description: "that version instead of all" }
const algorithm: OptionSpec = {
  flags: "--algorithm <A>",
  description: "bip340 instead of ecdsa-sha256 with secp256k1 keys; the others leave no choice",
  values: ["ed25519", "ecdsa-sha256", "bip340", "bls-g2"],
}
const output: OptionSpec = {
  flags: "-o, --out <FILE>",
  description: "where to write, mode 0600 (default, and `-`: standard output); an existing file is never overwritten",
}
const keyType: OptionSpec = {
  flags: "--type <T>",
  description: "ed25519, x25519, secp256k1, p256, bls12-381 or aes256",
  required: true,
  values: KEY_TYPES,
}
const rules: readonly OptionSpec[] = [
  {
    flags: "--allow <CALLER:OPERATIONS>",
    description: "let only callers so named use it, e.g. uid:1000:sign,verify or ssh-agent:sign; may be given several times",
    repeatable: true,
  },
  { flags: "--per-minute <N>", description: "uses a minute, of all callers together" },
  { flags: "--confirm", description: "ask on the agent's terminal before each use through ssh" },
]
const context: OptionSpec = {
  flags: "--context <TEXT>",
  description: "bound to the ciphertext, at most 4 KiB: the same is needed to decrypt",
}

/** The commands about named keys and their audit trail. */
export const keyCommands: readonly CommandSpec[] = [
  {
    name: "key add",
    summary: "make sure that a named key exists",
    details:
      "The key is made in the keystore, or read by it, and used by its id from then on; nothing hands it out. A key of that id and type that exists " +
      "stays as it is. A variable is taken out of the environment and sealed to the keystore before it leaves this process; a file is read by the " +
      "keystore itself and must be readable by its owner alone. Both may hold hex, base64, PEM (PKCS #8), JWK, OpenSSH or raw bytes.",
    operands: [newId],
    options: [
      keyType,
      {
        flags: "--from <SOURCE>",
        description: "generate (default), derive (from the node's words, by the id), env:NAME or file:PATH",
        values: ["generate", "derive"],
      },
      {
        flags: "--backend <NAME>",
        description: "what holds it: sealed, the keystore (default), or pkcs11, the token that config.json describes",
        values: ["sealed", "pkcs11"],
      },
      { flags: "--exportable", description: "let `key export` hand the secret out one day; cannot be changed later" },
      ...rules,
    ],
    examples: [
      "keygrove key add web/tls --type p256",
      "keygrove key add deploy --type ed25519 --from file:id_ed25519 --allow ssh-agent:sign --confirm",
      "keygrove key add release --type p256 --backend pkcs11",
      "keygrove key add backup --type aes256 --from env:BACKUP_KEY",
    ],
    load: () => import("./commands/key-add.ts"),
  },
  {
    name: "key list",
    summary: "named keys, their versions and states",
    examples: ["keygrove key list", "keygrove key list --json"],
    load: () => import("./commands/key-list.ts"),
  },
  {
    name: "key public",
    summary: "the public part of a key",
    operands: [id],
    options: [
      {
        flags: "--format <F>",
        description: "pem (default; hex for bls12-381), raw, ssh (ed25519 and p256), jwk or hex",
        values: ["pem", "raw", "ssh", "jwk", "hex"],
      },
      oneVersion,
    ],
    examples: ["keygrove key public web/tls", "keygrove key public deploy --format ssh >> ~/.ssh/authorized_keys"],
    load: () => import("./commands/key-public.ts"),
  },
  {
    name: "key sign",
    summary: "sign a file of up to 256 KiB with the newest version",
    operands: [id, { name: "<FILE>", description: "what to sign (`-`: standard input)" }],
    options: [
      {
        flags: "--format <F>",
        description: "base64 (default), raw, or der for ECDSA as openssl wants it",
        values: ["base64", "raw", "der"],
      },
      algorithm,
    ],
    examples: ["keygrove key sign deploy release.txt", "sha256sum film.mkv | keygrove key sign deploy -"],
    load: () => import("./commands/key-sign.ts"),
  },
  {
    name: "key verify",
    summary: "check a signature; exit status 0 when an enabled version made it, 4 when none did",
    operands: [id, { name: "<FILE>", description: "what was signed (`-`: standard input)" }],
    options: [
      { flags: "--signature <S>", description: "the signature in base64, or @FILE with it in base64, raw or DER", required: true },
      algorithm,
    ],
    examples: ["keygrove key verify deploy release.txt --signature @release.sig"],
    load: () => import("./commands/key-verify.ts"),
  },
  {
    name: "key encrypt",
    summary: "encrypt up to 256 KiB under an aes256 or x25519 key",
    operands: [id, { name: "[FILE]", description: "what to encrypt (default, and `-`: standard input)" }],
    options: [output, context],
    examples: ["keygrove key encrypt backup secrets.env -o secrets.env.sealed --context production"],
    load: () => import("./commands/key-encrypt.ts"),
  },
  {
    name: "key decrypt",
    summary: "decrypt what any enabled version encrypted",
    operands: [id, { name: "[FILE]", description: "what `key encrypt` wrote (default, and `-`: standard input)" }],
    options: [output, context],
    examples: ["keygrove key decrypt backup secrets.env.sealed --context production"],
    load: () => import("./commands/key-decrypt.ts"),
  },
  {
    name: "key mac",
    summary: "authenticate up to 256 KiB under an aes256 key: HMAC-SHA-256",
    operands: [id, { name: "[FILE]", description: "what to authenticate (default, and `-`: standard input)" }],
    options: [{ flags: "--format <F>", description: "base64 (default), hex or raw", values: ["base64", "hex", "raw"] }, oneVersion],
    examples: ["keygrove key mac webhook body.json --format hex"],
    load: () => import("./commands/key-mac.ts"),
  },
  {
    name: "key agree",
    summary: "agree on a secret with a peer's public key: Diffie-Hellman",
    details:
      "Keys of x25519, p256 and secp256k1 agree; the result is the 32 bytes of the shared x coordinate, the same on both sides. It is a secret: " +
      "derive keys from it, e.g. with HKDF, and use it for nothing else.",
    operands: [
      id,
      {
        name: "<PEER>",
        description: "the peer's public key in PEM, JWK, hex, base64 or raw, as `key public` prints it (`-`: standard input)",
      },
    ],
    options: [output],
    examples: ["keygrove key agree chat/me friend.pem -o shared"],
    load: () => import("./commands/key-agree.ts"),
  },
  {
    name: "key derive",
    summary: "make sure that a child key exists, whose secret comes from another key by the child's id",
    operands: [id, { ...newId, name: "<CHILD>", description: "id of the child" }],
    options: [keyType],
    examples: ["keygrove key derive tenants tenants/acme --type aes256"],
    load: () => import("./commands/key-derive.ts"),
  },
  {
    name: "key operate",
    summary: "run an operator of the node's configuration on a key",
    operands: [
      id,
      { name: "<OPERATOR>", description: "its name, from `keygrove operator list`" },
      { name: "[FILE]", description: "what it is given beside the key, up to 64 KiB (`-`: standard input; default: nothing)" },
    ],
    examples: ["echo $(($(date +%s) / 30)) | keygrove key operate totp/mail totp -"],
    load: () => import("./commands/key-operate.ts"),
  },
  {
    name: "key rotate",
    summary: "add a version that is used from now on; older ones verify and decrypt",
    operands: [id],
    examples: ["keygrove key rotate web/tls"],
    load: () => import("./commands/key-rotate.ts"),
  },
  {
    name: "key rules",
    summary: "show who may use a key for what, or put other rules in their place",
    details: "Given any rule, those given take the place of all that the key had. They hold for the next use, also through ssh.",
    operands: [id],
    options: [...rules, { flags: "--none", description: "take all rules away: every caller may do everything" }],
    examples: ["keygrove key rules deploy", "keygrove key rules deploy --allow ssh-agent:sign --confirm --per-minute 10"],
    load: () => import("./commands/key-rules.ts"),
  },
  {
    name: "key enable",
    summary: "let a disabled key work again",
    operands: [id],
    options: [oneOfAll],
    examples: ["keygrove key enable web/tls"],
    load: () => import("./commands/key-enable.ts"),
  },
  {
    name: "key disable",
    summary: "let a key do nothing until it is enabled",
    operands: [id],
    options: [oneOfAll],
    examples: ["keygrove key disable web/tls --version 1"],
    load: () => import("./commands/key-disable.ts"),
  },
  {
    name: "key remove",
    summary: "destroy a key for ever; asks first",
    operands: [id],
    options: [{ flags: "--yes", description: "do not ask" }],
    examples: ["keygrove key remove web/tls", "keygrove key remove web/tls --yes"],
    load: () => import("./commands/key-remove.ts"),
  },
  {
    name: "key export",
    summary: "write the secret of a key that was made exportable to a file",
    operands: [id],
    options: [{ flags: "-o, --out <FILE>", description: "a new file, mode 0600, for the raw secret", required: true }],
    examples: ["keygrove key export old/deploy -o deploy.key"],
    load: () => import("./commands/key-export.ts"),
  },
  {
    name: "operator list",
    summary: "operators of the node's configuration",
    examples: ["keygrove operator list"],
    load: () => import("./commands/operator-list.ts"),
  },
  {
    name: "operator check",
    summary: "check a module of an operator and print what config.json says of it; needs no node",
    operands: [{ name: "<FILE>", description: "a JavaScript module without imports that exports a function called operate" }],
    examples: ["keygrove operator check totp.mjs"],
    load: () => import("./commands/operator-check.ts"),
  },
  {
    name: "audit list",
    summary: "who used which named key, and with what outcome",
    options: [
      { flags: "--from <N>", description: "index of the first event (default: 0)" },
      { flags: "--key <ID>", description: "only the uses of that key", values: "keys" },
      { flags: "--limit <N>", description: "how many at most, up to 100000 (default: 1000)" },
    ],
    examples: ["keygrove audit list --key web/tls"],
    load: () => import("./commands/audit-list.ts"),
  },
  {
    name: "audit verify",
    summary: "check that nothing in the audit trail was changed, moved or left out",
    examples: ["keygrove audit verify"],
    load: () => import("./commands/audit-verify.ts"),
  },
]
